/* Events with metrics as one line of text, whole or as wide as a window. */
#ifndef RR_LOG_LINE_H
#define RR_LOG_LINE_H

#include "log/log.h"

/** "train  step 1200/13000  epoch 3/13  loss 4.8123 ...": everything that the event holds. Appends, without a newline.
 */
void rr_line_whole(const rr_event *event, rr_buffer *out);

/**
 * A progress line of at most `columns` ASCII characters: what matters most stays longest, a bar takes what is left.
 * @param[out] bar_begin, bar_end  offsets of the bar's filled part in `out`, equal if there is none
 */
void rr_line_fitting(const rr_event *event, int columns, rr_buffer *out, size_t *bar_begin, size_t *bar_end);

#endif
