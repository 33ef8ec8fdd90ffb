#include "data/streams.h"

/* Row r holds pairs [start, start + pairs): in training `length` of them each; with keep_all the first rows have one
 * more. */
static size_t row_pairs(const rr_streams *streams, size_t row) {
    if (row >= streams->rows) return 0;
    if (!streams->keep_all) return streams->length;
    size_t pairs = streams->count - 1;
    return pairs / streams->rows + (row < pairs % streams->rows);
}

static size_t row_start(const rr_streams *streams, size_t row) {
    if (!streams->keep_all) return row * streams->length;
    size_t pairs = streams->count - 1, longer = pairs % streams->rows;
    return row * (pairs / streams->rows) + (row < longer ? row : longer);
}

rr_status rr_streams_open(const int32_t *tokens, size_t count, size_t rows, size_t window, int keep_all,
                          rr_streams *out) {
    if (rows == 0 || window == 0) return rr_fail(RR_ERR_INPUT, "streams need at least one row and one time step");
    if (count < 2) return rr_fail(RR_ERR_INPUT, "%zu tokens are too few: two make the first pair", count);
    size_t pairs = count - 1;
    if (!keep_all && pairs < rows)
        return rr_fail(RR_ERR_INPUT, "%zu tokens are too few for %zu rows: at least %zu are needed", count, rows,
                       rows + 1);
    size_t length = pairs / rows;
    if (keep_all && pairs % rows > 0) length++;
    *out = (rr_streams){tokens, count, rows, length, window, keep_all};
    return RR_OK;
}

size_t rr_streams_windows(const rr_streams *streams) {
    return streams->length / streams->window + (streams->length % streams->window > 0);
}

size_t rr_streams_pairs(const rr_streams *streams, size_t index, size_t row) {
    size_t pairs = row_pairs(streams, row);
    if (index >= rr_streams_windows(streams) || index * streams->window >= pairs) return 0;
    size_t left = pairs - index * streams->window;
    return left < streams->window ? left : streams->window;
}

void rr_streams_fill(const rr_streams *streams, size_t index, size_t begin, size_t end, int32_t *inputs,
                     int32_t *targets) {
    if (begin >= end) return;
    size_t steps = rr_streams_pairs(streams, index, begin), active = end, at = 0;
    for (size_t step = 0; step < steps; step++) {
        while (rr_streams_pairs(streams, index, active - 1) <= step) active--;
        for (size_t row = begin; row < active; row++, at++) {
            const int32_t *pair = streams->tokens + row_start(streams, row) + index * streams->window + step;
            inputs[at] = pair[0];
            targets[at] = pair[1];
        }
    }
}
