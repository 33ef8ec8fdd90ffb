/* Arenas and the named tensors of a checkpoint. */
#ifndef RR_MODEL_WEIGHTS_H
#define RR_MODEL_WEIGHTS_H

#include <stdbool.h>

#include "ckpt/safetensors.h"
#include "nn/params.h"

/** What is trained, not the state of the optimiser or of streams. */
bool rr_tensor_is_weight(const rr_tensor *tensor);

/**
 * Copies a file's tensors into an arena of the parameters' layout: tensor "<prefix><name>" for every parameter.
 * @param[in] values  [params->total]
 * @return RR_ERR_INPUT if one is missing, is not float32, or has another shape (both shapes are named)
 */
rr_status rr_weights_read(const rr_safetensors *file, const rr_params *params, const char *prefix, float *values);

/**
 * Describes an arena as tensors named "<prefix><name>"; data points into values.
 * @param[out] out    [params->count]
 * @param[in,out] names  keeps the names; must live as long as the tensors, and hold all names before the first is used:
 *                       [params->count][RR_PARAM_NAME + 32]
 */
void rr_weights_describe(const rr_params *params, const char *prefix, const float *values,
                         char (*names)[RR_PARAM_NAME + 32], rr_tensor *out);

#endif
