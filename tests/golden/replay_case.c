/*
 * replay_case FILE...                computes what each file of tools/make_golden.py asks for, and compares
 * replay_case --masks FILE OUT ...   writes the dropout masks of each case: "mask.<step>.<site>" [total, width]
 *
 * Exit code 0 if every tensor is within its tolerance. The last lines name the largest differences.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ckpt/safetensors.h"
#include "config/config.h"
#include "math/pointwise.h"
#include "math/runtime.h"
#include "nn/embedding.h"
#include "nn/linear.h"
#include "nn/rnn.h"
#include "optim/clip.h"
#include "optim/optim.h"

/* A loaded case and the layers it asks for. Sites of dropout: 0 the embedded tokens, then each layer, the output last.
 */
typedef struct replay {
    const char *path;
    rr_safetensors *file;
    bool train;
    size_t layers, directions, hidden, input_size, steps;
    float dropout[3]; /* on the embedded tokens, between layers, on the output */
    uint64_t seed;
    rr_sequence sequence;
    size_t *lengths, *active, *offset;
    uint64_t *row_id;
    rr_params params;
    rr_rnn *rnn;
    rr_arena arena;
    rr_embedding embedding;
    rr_linear head;
    size_t x_count, y_count, state_count;
    int failures;
} replay;

/* Of one forward and backward, and of training with each kind of tolerance. */
typedef struct tally {
    const char *what;
    size_t compared, excused; /* tensors; of them those that PyTorch itself knows badly */
    double worst;             /* largest distance of the others */
    char name[512];           /* where */
} tally;

static tally tallies[] = {{.what = "one pass"}, {.what = "training, SGD"}, {.what = "training, Adam"}};

static _Noreturn void die(const char *path, const char *what) {
    fprintf(stderr, "%s: %s\n", path, what);
    exit(1);
}

static void must(rr_status status) {
    if (status == RR_OK) return;
    fprintf(stderr, "%s\n", rr_last_error());
    exit(1);
}

static const char *meta(const replay *r, const char *key) {
    const char *value = rr_safetensors_meta(r->file, key);
    if (value == NULL) die(r->path, key);
    return value;
}

static double number(const replay *r, const char *key, double otherwise) {
    const char *value = rr_safetensors_meta(r->file, key);
    return value == NULL ? otherwise : strtod(value, NULL);
}

static const rr_tensor *find(const replay *r, const char *name, rr_dtype dtype, size_t count) {
    const rr_tensor *tensor = rr_safetensors_find(r->file, name);
    if (tensor == NULL || tensor->dtype != dtype || rr_tensor_elements(tensor) != count) die(r->path, name);
    return tensor;
}

static const float *floats(const replay *r, const char *name, size_t count) {
    return find(r, name, RR_F32, count)->data;
}

static float *memory(size_t count) {
    float *values = calloc(count + 1, sizeof *values);
    if (values == NULL) die("memory", "none");
    return values;
}

/*
 * max|got - want| / max|want| against the tolerance; or, where PyTorch's own result is worse than rounding, ten times
 * its distance from itself (see solve in make_golden.py). Beyond a hundred tolerances nothing is excused.
 */
static void compare(replay *r, const char *name, const float *got, size_t count) {
    char key[256];
    snprintf(key, sizeof key, "want.%s", name);
    const float *want = floats(r, key, count);
    double apart = 0, largest = 0;
    for (size_t i = 0; i < count; i++) {
        double d = fabs((double)got[i] - (double)want[i]);
        if (!(d <= apart)) apart = d;
        if (isnan(d)) break;
        largest = fmax(largest, fabs((double)want[i]));
    }
    if (apart != 0) apart /= largest;
    snprintf(key, sizeof key, "own:want.%s", name);
    double tolerance = number(r, "tolerance", NAN), own = number(r, key, NAN);
    tally *t = &tallies[!r->train ? 0 : tolerance < 5e-5 ? 1 : 2];
    t->compared++;
    if (apart <= tolerance) {
        if (apart >= t->worst) snprintf(t->name, sizeof t->name, "%s %s", r->path, name);
        t->worst = fmax(t->worst, apart);
    } else if (own > tolerance / 3 && apart <= fmin(3 * own, 100 * tolerance)) {
        t->excused++;
        printf("%s: %s differs by %.3g; PyTorch itself is off by %.3g\n", r->path, name, apart, own);
    } else {
        r->failures++;
        printf("%s: %s differs by %.3g, allowed %.3g (PyTorch itself is off by %.3g)\n", r->path, name, apart,
               tolerance, own);
    }
}

static void lay_out(replay *r) {
    const rr_tensor *lengths = rr_safetensors_find(r->file, "lengths");
    if (lengths == NULL || lengths->dtype != RR_I64) die(r->path, "lengths");
    size_t rows = rr_tensor_elements(lengths);
    r->lengths = calloc(rows, sizeof *r->lengths);
    r->row_id = calloc(rows, sizeof *r->row_id);
    for (size_t i = 0; i < rows; i++) {
        r->lengths[i] = (size_t)((const int64_t *)lengths->data)[i];
        r->row_id[i] = 10 + 3 * i;
    }
    r->active = calloc(r->lengths[0], sizeof *r->active);
    r->offset = calloc(r->lengths[0] + 1, sizeof *r->offset);
    rr_sequence_fill(r->lengths, rows, r->active, r->offset);
    r->sequence = (rr_sequence){.steps = r->lengths[0],
                                .rows = rows,
                                .total = r->offset[r->lengths[0]],
                                .active = r->active,
                                .offset = r->offset,
                                .lengths = r->lengths,
                                .row_id = r->row_id};
}

static void plan(replay *r) {
    if (r->train) rr_linear_plan(&r->head, &r->arena, NULL, r->sequence.total, true);
    rr_rnn_plan(r->rnn, &r->arena, r->sequence.total, r->sequence.steps, r->sequence.rows, true);
}

/* Reads the case; builds the layers and loads the weights, unless only masks are wanted. */
static void open_case(replay *r, const char *path, bool build) {
    *r = (replay){.path = path};
    must(rr_safetensors_read(path, &r->file));
    r->train = strcmp(meta(r, "kind"), "train") == 0;
    r->layers = (size_t)number(r, "num_layers", NAN), r->hidden = (size_t)number(r, "hidden_size", NAN);
    r->directions = number(r, "bidirectional", NAN) != 0 ? 2 : 1;
    r->input_size = (size_t)number(r, r->train ? "embedding_size" : "input_size", NAN);
    r->steps = (size_t)number(r, "steps", 1);
    r->seed = (uint64_t)number(r, "seed", 0);
    r->dropout[0] = (float)number(r, "dropout_input", 0);
    r->dropout[1] = (float)number(r, "dropout", 0);
    r->dropout[2] = (float)number(r, "dropout_output", 0);
    lay_out(r);
    if (!build) return;
    rr_rnn_spec spec = {.input_size = r->input_size,
                        .hidden_size = r->hidden,
                        .num_layers = r->layers,
                        .bidirectional = r->directions == 2,
                        .bias = number(r, "bias", NAN) != 0,
                        .dropout = r->dropout[1],
                        .dropout_layer = 1};
    for (size_t i = 0; i < rr_cell_count; i++)
        if (strcmp(rr_cells[i]->name, meta(r, "cell")) == 0) spec.cell = rr_cells[i];
    if (spec.cell == NULL) die(path, "cell");
    size_t width = r->hidden * r->directions, outputs = (size_t)number(r, "outputs", 0);
    must(rr_rnn_create(&spec, &r->rnn));
    if (r->train) must(rr_linear_declare(&r->head, &r->params, "head", width, outputs, true, (size_t)-1));
    must(rr_rnn_declare(r->rnn, &r->params, "rnn"));
    if (r->train)
        must(rr_embedding_declare(&r->embedding, &r->params, "embedding", (size_t)number(r, "vocab_size", 0),
                                  r->input_size));
    r->params.values = memory(r->params.total);
    r->params.grads = memory(r->params.total);
    for (size_t p = 0; p < r->params.count; p++)
        memcpy(rr_param_value(&r->params, p), floats(r, r->params.items[p].name, r->params.items[p].count),
               r->params.items[p].count * sizeof(float));
    plan(r);
    must(rr_arena_reserve(r->arena.used, &r->arena));
    plan(r);
    r->x_count = r->sequence.total * r->input_size;
    r->y_count = r->sequence.total * width;
    r->state_count = r->sequence.rows * rr_rnn_state_size(r->rnn);
}

static void close_case(replay *r) {
    free(r->lengths);
    free(r->row_id);
    free(r->active);
    free(r->offset);
    free(r->params.values);
    free(r->params.grads);
    rr_params_free(&r->params);
    rr_rnn_free(r->rnn);
    rr_arena_release(&r->arena);
    rr_safetensors_free(r->file);
}

/* A state of the file, h then c, or NULL where there is none. */
static float *read_state(const replay *r, const char *h, const char *c) {
    if (rr_safetensors_find(r->file, h) == NULL) return NULL;
    bool two = strcmp(meta(r, "cell"), "lstm") == 0;
    size_t part = r->state_count / (two ? 2 : 1);
    float *state = memory(r->state_count);
    memcpy(state, floats(r, h, part), part * sizeof *state);
    if (two) memcpy(state + part, floats(r, c, part), part * sizeof *state);
    return state;
}

static void replay_rnn(replay *r) {
    const float *x = floats(r, "input", r->x_count);
    float *dy = memory(r->y_count), *dx = memory(r->x_count), *state_out = memory(r->state_count);
    float *dstate = memory(r->state_count), *state = read_state(r, "h0", "c0"),
          *dstate_out = read_state(r, "dh_n", "dc_n");
    rr_dropout dropout = {.seed = r->seed};
    memcpy(dy, floats(r, "dout", r->y_count), r->y_count * sizeof *dy);
    const float *y = rr_rnn_forward(r->rnn, &r->params, &r->sequence, x, state, state_out, &dropout, NULL);
    compare(r, "output", y, r->y_count);
    rr_rnn_backward(r->rnn, &r->params, &r->sequence, x, dy, dstate_out, dx, dstate, NULL);
    bool two = strcmp(meta(r, "cell"), "lstm") == 0;
    size_t part = r->state_count / (two ? 2 : 1);
    compare(r, "h_n", state_out, part);
    if (two) compare(r, "c_n", state_out + part, part);
    compare(r, "grad.input", dx, r->x_count);
    if (state != NULL) compare(r, "grad.h0", dstate, part);
    if (state != NULL && two) compare(r, "grad.c0", dstate + part, part);
    for (size_t p = 0; p < r->params.count; p++) {
        char name[128];
        snprintf(name, sizeof name, "grad.%s", r->params.items[p].name);
        compare(r, name, rr_param_grad(&r->params, p), r->params.items[p].count);
    }
    float *const own[] = {dy, dx, state_out, dstate, state, dstate_out};
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) free(own[i]);
}

/* The head's loss over all rows; logits become gradients of the mean. */
static double loss_of(const replay *r, size_t step, float *logits, double *losses) {
    size_t rows = r->sequence.total, width = r->head.out_size;
    const char *kind = meta(r, "head");
    const float scale = 1.0F / (float)rows;
    if (strcmp(kind, "softmax") == 0) {
        const int64_t *targets = (const int64_t *)find(r, "targets", RR_I64, r->steps * rows)->data + step * rows;
        int32_t *classes = calloc(rows, sizeof *classes);
        for (size_t i = 0; i < rows; i++) classes[i] = (int32_t)targets[i];
        rr_softmax_nll(rows, width, logits, width, classes, scale, losses);
        free(classes);
    } else {
        const float *targets = floats(r, "targets", r->steps * rows * width) + step * rows * width;
        (strcmp(kind, "sigmoid") == 0 ? rr_sigmoid_bce : rr_squared_error)(rows, width, logits, width, targets, scale,
                                                                           losses);
    }
    double sum = 0;
    for (size_t i = 0; i < rows; i++) sum += losses[i];
    return sum / (double)rows;
}

/* The `optim` section of the metadata, with memory for its state; the config is freed by the caller. */
static rr_config *open_optimiser(const replay *r, rr_optim_config *config, rr_optim *optim) {
    char text[512];
    rr_config *parsed;
    snprintf(text, sizeof text, "optim: %s", meta(r, "optim"));
    must(rr_config_parse(r->path, text, strlen(text), NULL, 0, &parsed));
    must(rr_config_bind(parsed, &rr_optim_section, config));
    *optim = (rr_optim){.ops = rr_optims[config->type], .config = config};
    for (size_t i = 0; i < optim->ops->states(config); i++) optim->state[i] = memory(r->params.total);
    return parsed;
}

static rr_status clip_norm(const rr_params *params, double max_norm, double *norm, float *scale) {
    size_t pieces = rr_clip_pieces(params->total);
    double *squares = calloc(pieces + 1, sizeof *squares);
    if (squares == NULL) die("memory", "none");
    rr_clip_squares(params->grads, params->total, 0, pieces, squares);
    rr_status status = rr_clip_norm(squares, pieces, max_norm, norm, scale);
    free(squares);
    return status;
}

static void replay_train(replay *r) {
    rr_optim_config config;
    rr_optim optim;
    rr_config *parsed = open_optimiser(r, &config, &optim);
    size_t total = r->sequence.total, width = r->hidden * r->directions;
    const int64_t *inputs = find(r, "inputs", RR_I64, r->steps * total)->data;
    int32_t *tokens = calloc(total, sizeof *tokens);
    float *x = memory(r->x_count), *dx = memory(r->x_count), *top = memory(r->y_count), *dtop = memory(r->y_count);
    float *logits = memory(total * r->head.out_size), *state = memory(r->state_count);
    double *losses = calloc(total, sizeof *losses);
    const double *want = find(r, "want.loss", RR_F64, r->steps)->data;
    bool carry = number(r, "carry", NAN) != 0;
    for (size_t step = 0; step < r->steps; step++) {
        rr_dropout dropout = {.seed = r->seed, .step = step};
        for (size_t i = 0; i < total; i++) tokens[i] = (int32_t)inputs[step * total + i];
        rr_embedding_forward(&r->embedding, &r->params, tokens, total, x);
        rr_dropout_apply(&dropout, 0, r->dropout[0], &r->sequence, r->input_size, x, x);
        const float *y = rr_rnn_forward(r->rnn, &r->params, &r->sequence, x, carry ? state : NULL, carry ? state : NULL,
                                        &dropout, NULL);
        rr_dropout_apply(&dropout, (uint32_t)r->layers, r->dropout[2], &r->sequence, width, y, top);
        rr_linear_forward(&r->head, &r->params, total, top, logits, NULL);
        double loss = loss_of(r, step, logits, losses);
        if (!(fabs(loss - want[step]) <= 1e-5 * fabs(want[step]))) {
            r->failures++;
            printf("%s: loss of step %zu is %.9g, PyTorch's %.9g\n", r->path, step, loss, want[step]);
        }
        memset(r->params.grads, 0, r->params.total * sizeof(float));
        rr_linear_backward(&r->head, &r->params, total, top, logits, false, dtop, false, NULL);
        rr_dropout_apply(&dropout, (uint32_t)r->layers, r->dropout[2], &r->sequence, width, dtop, dtop);
        rr_rnn_backward(r->rnn, &r->params, &r->sequence, x, dtop, NULL, dx, NULL, NULL);
        rr_dropout_apply(&dropout, 0, r->dropout[0], &r->sequence, r->input_size, dx, dx);
        rr_embedding_backward(&r->embedding, &r->params, tokens, total, dx);
        double norm;
        float scale;
        must(clip_norm(&r->params, number(r, "max_grad_norm", NAN), &norm, &scale));
        optim.ops->update(&optim, &r->params, step + 1, config.lr, scale, 0, r->params.total, 0);
        rr_params_changed(&r->params);
    }
    for (size_t p = 0; p < r->params.count; p++) {
        char name[128];
        snprintf(name, sizeof name, "after.%s", r->params.items[p].name);
        compare(r, name, rr_param_value(&r->params, p), r->params.items[p].count);
    }
    void *const own[] = {tokens, x, dx, top, dtop, logits, state, losses};
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) free(own[i]);
    for (size_t i = 0; i < RR_OPTIM_STATES; i++) free(optim.state[i]);
    rr_config_free(parsed);
}

/* A mask is what dropout makes of ones. */
static void write_masks(const char *path, const char *out) {
    replay r;
    open_case(&r, path, false);
    size_t first = r.train ? 0 : 1, last = r.train ? r.layers : r.layers - 1, sites = r.layers + 1;
    rr_tensor *tensors = calloc(r.steps * sites + 1, sizeof *tensors);
    char(*names)[40] = calloc(r.steps * sites + 1, sizeof *names);
    size_t count = 0;
    for (size_t step = 0; step < r.steps; step++)
        for (size_t site = first; site <= last; site++, count++) {
            size_t width = site == 0 ? r.input_size : r.hidden * r.directions, all = r.sequence.total * width;
            float p = r.dropout[site == 0 ? 0 : site < r.layers ? 1 : 2], *ones = memory(all);
            for (size_t i = 0; i < all; i++) ones[i] = 1;
            rr_dropout_apply(&(rr_dropout){r.seed, step}, (uint32_t)site, p, &r.sequence, width, ones, ones);
            snprintf(names[count], sizeof *names, "mask.%zu.%zu", step, site);
            tensors[count] = (rr_tensor){
                .name = names[count], .dtype = RR_F32, .dims = {r.sequence.total, width}, .dim_count = 2, .data = ones};
        }
    must(rr_safetensors_write(out, &(rr_tensor_set){.tensors = tensors, .tensor_count = count}));
    for (size_t i = 0; i < count; i++) free((void *)(uintptr_t)tensors[i].data);
    free(tensors);
    free(names);
    close_case(&r);
}

int main(int argc, char **argv) {
    must(rr_math_open(1));
    if (argc > 1 && strcmp(argv[1], "--masks") == 0) {
        for (int i = 2; i + 1 < argc; i += 2) write_masks(argv[i], argv[i + 1]);
        return 0;
    }
    int failures = 0;
    for (int i = 1; i < argc; i++) {
        replay r;
        open_case(&r, argv[i], true);
        (r.train ? replay_train : replay_rnn)(&r);
        failures += r.failures;
        close_case(&r);
    }
    size_t compared = 0, excused = 0;
    for (const tally *t = tallies; t < tallies + sizeof tallies / sizeof *tallies; t++) {
        compared += t->compared;
        excused += t->excused;
        if (t->compared > 0)
            printf("%s: %zu tensors, %zu excused, largest difference of the others %.3g (%s)\n", t->what, t->compared,
                   t->excused, t->worst, t->name);
    }
    printf("%d cases, %d failures\n", argc - 1, failures);
    if (excused * 50 > compared) die("too many", "more than one tensor in fifty is excused");
    return failures > 0 || compared == 0;
}
