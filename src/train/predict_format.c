#include "train/predict_format.h"

#include <cJSON.h>
#include <stdlib.h>
#include <string.h>

rr_status rr_prediction_format_find(const char *name, rr_prediction_format *out) {
    static const char *const names[] = {"json", "text", "csv"};
    *out = RR_PREDICTION_JSON;
    if (name == NULL) return RR_OK;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(name, names[i]) == 0) {
            *out = (rr_prediction_format)i;
            return RR_OK;
        }
    return rr_fail(RR_ERR_INPUT, "--format %s: must be json, text or csv", name);
}

void rr_prediction_columns_free(rr_prediction_columns *columns) {
    for (size_t i = 0; i < columns->count; i++) free(columns->names[i]);
    free(columns->names);
    *columns = (rr_prediction_columns){.count = 0};
}

/* A value without quotes; items of a list with blanks between; nothing for null. */
static void put_value(const cJSON *value, rr_buffer *out) {
    const char *between = "";
    const cJSON *item;
    if (cJSON_IsString(value)) {
        rr_buffer_puts(out, value->valuestring);
    } else if (cJSON_IsArray(value)) {
        cJSON_ArrayForEach(item, value) {
            rr_buffer_puts(out, between);
            put_value(item, out);
            between = " ";
        }
    } else if (value != NULL && !cJSON_IsNull(value)) {
        char *text = cJSON_PrintUnformatted(value);
        rr_buffer_puts(out, text != NULL ? text : "");
        cJSON_free(text);
    }
}

/* A field of CSV: in quotes where it has to be. */
static void put_field(const char *text, FILE *out) {
    if (strpbrk(text, ",\"\r\n") == NULL) {
        fputs(text, out);
        return;
    }
    fputc('"', out);
    for (; *text != 0; text++) {
        if (*text == '"') fputc('"', out);
        fputc(*text, out);
    }
    fputc('"', out);
}

/* One call for each column of an object, nested ones as `outer.inner`. @return RR_ERR_NOMEM, or what visit returns */
typedef rr_status visit_column(void *ctx, const char *name, const cJSON *value);

static rr_status each_column(const cJSON *object, visit_column *visit, void *ctx) {
    rr_status status = RR_OK;
    rr_buffer name = {0};
    for (const cJSON *member = object->child; member != NULL && status == RR_OK; member = member->next) {
        if (!cJSON_IsObject(member)) {
            status = visit(ctx, member->string, member);
            continue;
        }
        for (const cJSON *inner = member->child; inner != NULL && status == RR_OK; inner = inner->next) {
            rr_buffer_clear(&name);
            rr_buffer_printf(&name, "%s.%s", member->string, inner->string);
            status = name.failed ? rr_fail(RR_ERR_NOMEM, "no memory for a column") : visit(ctx, name.data, inner);
        }
    }
    rr_buffer_free(&name);
    return status;
}

static rr_status add_column(void *ctx, const char *name, const cJSON *value) {
    rr_prediction_columns *columns = ctx;
    (void)value;
    for (size_t i = 0; i < columns->count; i++)
        if (strcmp(columns->names[i], name) == 0) return RR_OK;
    char **names = realloc(columns->names, (columns->count + 1) * sizeof *names), *copy = strdup(name);
    if (names != NULL) columns->names = names;
    if (names == NULL || copy == NULL) {
        free(copy);
        return rr_fail(RR_ERR_NOMEM, "no memory for a column");
    }
    columns->names[columns->count++] = copy;
    return RR_OK;
}

/* The field of a row that is wanted. */
typedef struct wanted {
    const char *name;
    rr_buffer *out;
} wanted;

static rr_status take_column(void *ctx, const char *name, const cJSON *value) {
    wanted *w = ctx;
    if (strcmp(w->name, name) == 0) put_value(value, w->out);
    return w->out->failed ? rr_fail(RR_ERR_NOMEM, "no memory for a field") : RR_OK;
}

static rr_status print_row(const rr_prediction_columns *columns, size_t line, const cJSON *object, FILE *out) {
    rr_buffer field = {0};
    rr_status status = RR_OK;
    fprintf(out, "%zu", line);
    for (size_t i = 0; i < columns->count && status == RR_OK; i++) {
        rr_buffer_clear(&field);
        status = each_column(object, take_column, &(wanted){columns->names[i], &field});
        fputc(',', out);
        put_field(rr_buffer_text(&field), out);
    }
    fputs("\r\n", out);
    rr_buffer_free(&field);
    return status;
}

static void print_header(rr_prediction_columns *columns, FILE *out) {
    fputs("line", out);
    for (size_t i = 0; i < columns->count; i++) {
        fputc(',', out);
        put_field(columns->names[i], out);
    }
    fputs("\r\n", out);
    columns->printed = true;
}

static rr_status print_answer(const cJSON *object, FILE *out) {
    rr_buffer text = {0};
    put_value(object->child, &text);
    rr_status status = text.failed ? rr_fail(RR_ERR_NOMEM, "no memory for an answer") : RR_OK;
    for (size_t i = 0; i < text.length; i++)
        if (text.data[i] == '\n' || text.data[i] == '\r') text.data[i] = ' ';
    fprintf(out, "%s\n", rr_buffer_text(&text));
    rr_buffer_free(&text);
    return status;
}

/* What is done with the object of each line. */
typedef struct printing {
    rr_prediction_format format;
    rr_prediction_columns *columns;
    bool find_columns;
    FILE *out;
} printing;

static rr_status print_object(const printing *p, size_t line, const cJSON *object) {
    if (p->find_columns) return each_column(object, add_column, p->columns);
    return p->format == RR_PREDICTION_TEXT ? print_answer(object, p->out) : print_row(p->columns, line, object, p->out);
}

static rr_status each_line(const printing *p, size_t before, const rr_buffer *said) {
    rr_buffer json = {0};
    rr_status status = RR_OK;
    const char *at = rr_buffer_text(said), *end = at + said->length;
    for (size_t line = before + 1; at < end && status == RR_OK; line++) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        int length = (int)((stop != NULL ? stop : end) - at);
        rr_buffer_clear(&json);
        if (p->format == RR_PREDICTION_JSON) {
            fprintf(p->out, "{\"line\": %zu, %.*s}\n", line, length, at);
        } else {
            rr_buffer_printf(&json, "{%.*s}", length, at);
            cJSON *object = cJSON_Parse(rr_buffer_text(&json));
            status = object != NULL ? print_object(p, line, object) : rr_fail(RR_ERR_NOMEM, "no memory for a line");
            cJSON_Delete(object);
        }
        at += length + 1;
    }
    rr_buffer_free(&json);
    return status;
}

rr_status rr_prediction_print(rr_prediction_format format, rr_prediction_columns *columns, size_t before,
                              const rr_buffer *said, FILE *out) {
    printing p = {.format = format, .columns = columns, .out = out};
    if (format == RR_PREDICTION_CSV && !columns->printed && said->length > 0) {
        p.find_columns = true;
        RR_TRY(each_line(&p, before, said));
        p.find_columns = false;
        print_header(columns, out);
    }
    return each_line(&p, before, said);
}
