/* What tasks on labelled texts share of reading them: the vocabulary, examples that are left out, texts for benchmarks.
 */
#ifndef RR_TASK_TEXT_DATA_H
#define RR_TASK_TEXT_DATA_H

#include "data/records.h"
#include "data/text_set.h"
#include "task/task.h"

/** How texts become tokens, as the `data` section says. */
rr_text_rules rr_text_data_rules(const rr_data_config *data, rr_unit unit);

/** From data.vocab.file, or of the records' fields [field, field + count). */
rr_status rr_text_data_vocab(const rr_task_setup *setup, const rr_text_rules *rules, const rr_records *records,
                             size_t field, size_t count, rr_vocab **out);

/** Bad examples that were left out. Zero-initialise; free `first`. */
typedef struct rr_left_out {
    size_t count;
    rr_buffer first; /* what was wrong with the first of them: `file:line: ...` */
} rr_left_out;

/** What the source has left out. */
void rr_left_out_start(rr_left_out *left, const rr_records *records);

/** One more. @return RR_ERR_INPUT where data.on_error says so */
rr_status rr_left_out_add(rr_left_out *left, const rr_task_setup *setup, rr_split split, const char *place,
                          const char *what);

/** At the end: RR_ERR_INPUT if there were records, and none has become a text. */
rr_status rr_left_out_check(const rr_left_out *left, const rr_task_setup *setup, rr_split split,
                            const rr_records *records, const rr_text_set *texts);

/** A line for describe, if any were left out. */
void rr_left_out_describe(const rr_left_out *left, rr_buffer *out);

/** The records of a part on their way to examples. */
typedef struct rr_text_part {
    const rr_task_setup *setup;
    rr_split split;
    const rr_records *records;
    rr_text_set *texts;
    rr_left_out *left_out;
} rr_text_part;

/** A record becomes an example of the task. place: its `file:line` */
typedef rr_status rr_text_adder(void *ctx, const rr_text_part *part, size_t record, const char *place);

/** One call for each record. @return RR_ERR_INPUT also if there were records, and none has become a text */
rr_status rr_text_data_fill(const rr_text_part *part, rr_text_adder *add, void *ctx);

/** For an adder: the last text is taken back; see rr_left_out_add. */
rr_status rr_text_data_leave_out(const rr_text_part *part, const char *place, const char *what);

/** The rest of a part's line for describe: unknown tokens, cut texts, floors; and what was left out. */
void rr_text_data_describe(const rr_task *task, rr_split split, const rr_text_set *texts, const rr_left_out *left,
                           rr_buffer *out);

/**
 * For benchmarks: texts of random length, from a quarter of data.max_length (longest, where that is null) on, for
 * setup->synthetic_steps steps, and a vocabulary. stream: a number of the task's own.
 */
rr_status rr_text_data_make_up(const rr_task_setup *setup, const rr_text_rules *rules, size_t longest, uint32_t stream,
                               rr_vocab **vocab, rr_text_set *texts);

/** The random words that belong to a made-up text; the first decided its length. */
void rr_text_data_random(uint32_t stream, size_t text, uint32_t out[4]);

#endif
