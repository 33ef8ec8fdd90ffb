/* Keys of the forecaster, and what they must agree on. */
#include <string.h>

#include "task/forecast_model.h"

#define OWN(field) RR_VARIANT_FIELD(rr_task_config, rr_forecast_config, field)

static const char *const norms[] = {"none", "last", "mean_std", NULL};
static const char *const decimals[] = {"point", "comma", NULL};
static const char *const heads[] = {"point", "gaussian", "quantile", NULL};
static const char *const losses[] = {"mse", "mae", NULL};

_Static_assert(sizeof(rr_forecast_config) <= sizeof(rr_variant_config), "the keys must fit");

const rr_key rr_forecast_keys[] = {
    {.name = "window",
     .type = RR_KEY_SIZE,
     .offset = OWN(window),
     .preset = "96",
     .min = 1,
     .max = 1e6,
     .unit = "rows",
     .help = "how much of the past the network sees"},
    {.name = "horizon",
     .type = RR_KEY_SIZE,
     .offset = OWN(horizon),
     .preset = "24",
     .min = 1,
     .max = 1e5,
     .unit = "rows",
     .help = "how many of the next rows it forecasts, all at once"},
    {.name = "inputs",
     .type = RR_KEY_STRINGS,
     .offset = OWN(inputs),
     .preset = "null",
     .word = "null",
     .help = "columns that the network sees; null: all in which numbers stand"},
    {.name = "targets",
     .type = RR_KEY_STRINGS,
     .offset = OWN(targets),
     .preset = "null",
     .word = "null",
     .help = "columns that are forecast; null: the inputs"},
    {.name = "date_column",
     .type = RR_KEY_STRING,
     .offset = OWN(date_column),
     .preset = "null",
     .word = "null",
     .help =
         "column of dates (" RR_DATE_FORMATS "); null: one named date, time, timestamp or the like, or the first if "
         "dates stand there; without one rows follow each other evenly"},
    {.name = "date_format",
     .type = RR_KEY_STRING,
     .offset = OWN(date_format),
     .preset = "null",
     .word = "null",
     .help =
         "how dates are written, if otherwise: %d/%m/%Y %H:%M and the like, of %Y %y %m %b %B %d %H %I %p %M %S, %s "
         "(seconds since 1970), %F, %T; null: as date_column says"},
    {.name = "decimal",
     .type = RR_KEY_ENUM,
     .offset = OWN(decimal),
     .preset = "point",
     .choices = decimals,
     .help = "what stands before the decimals of a number: 3.14 or 3,14 (data.delimiter is mostly ; then)"},
    {.name = "series_column",
     .type = RR_KEY_STRING,
     .offset = OWN(series_column),
     .preset = "null",
     .word = "null",
     .help = "column that tells several series in one file apart; null: there is one"},
    {.name = "time_features",
     .type = RR_KEY_STRINGS,
     .offset = OWN(time_features),
     .preset = "null",
     .word = "null",
     .help = "inputs from the dates, each a sine and a cosine: hour, weekday, monthday, month, yearday"},
    {.name = "transform",
     .type = RR_KEY_ENUM,
     .offset = OWN(transform),
     .preset = "none",
     .choices = rr_series_transform_names,
     .help = "forecasts values, their differences from row to row, or differences of their logarithms; results are "
             "turned back into values"},
    {.name = "standardise",
     .type = RR_KEY_BOOL,
     .offset = OWN(standardise),
     .preset = "true",
     .help = "every column of every series is brought to mean 0 and deviation 1 of its training part"},
    {.name = "normalise_window",
     .type = RR_KEY_ENUM,
     .offset = OWN(normalise_window),
     .preset = "none",
     .choices = norms,
     .help = "takes off every window, and puts back on its forecast: the last value (Zeng et al. 2023, NLinear), or "
             "mean and deviation (Kim et al. 2022, RevIN)"},
    {.name = "channel_independent",
     .type = RR_KEY_BOOL,
     .offset = OWN(channel_independent),
     .preset = "false",
     .help = "every column is forecast from its own past alone, by the same weights (Nie et al. 2023)"},
    {.name = "segment",
     .type = RR_KEY_SIZE,
     .offset = OWN(segment),
     .preset = "1",
     .min = 1,
     .max = 1e6,
     .unit = "rows",
     .help =
         "so many rows are one time step of the network: fewer steps, which are quicker and easier to learn (Lin et "
         "al. 2023, SegRNN); must divide task.window"},
    {.name = "linear_skip",
     .type = RR_KEY_BOOL,
     .offset = OWN(linear_skip),
     .preset = "false",
     .help = "adds a linear map from a column's window to its forecast, shared by all columns (Lai et al. 2018, "
             "LSTNet)"},
    {.name = "pooling",
     .type = RR_KEY_ENUM,
     .offset = OWN(pooling),
     .preset = "last",
     .choices = rr_pooling_names,
     .help = "the network's outputs over the window as one vector"},
    {.name = "head",
     .type = RR_KEY_ENUM,
     .offset = OWN(head),
     .preset = "point",
     .choices = heads,
     .help = "a number, mean and variance of a normal distribution, or task.quantiles"},
    {.name = "loss",
     .type = RR_KEY_ENUM,
     .offset = OWN(loss),
     .preset = "mse",
     .choices = losses,
     .help = "of head point, in standardised units: squared or absolute error"},
    {.name = "quantiles",
     .type = RR_KEY_FLOATS,
     .offset = OWN(quantiles),
     .preset = "[0.1, 0.5, 0.9]",
     .min = 0,
     .max = 1,
     .above_min = true,
     .below_max = true,
     .help = "of head quantile, growing"},
    {.name = "split_rows",
     .type = RR_KEY_SIZES,
     .offset = OWN(split_rows),
     .preset = "null",
     .word = "null",
     .help = "divides every series of data.train by time into [train, valid, test] of so many rows; what is left over "
             "is not used. data.split does so by fractions"},
    {.name = "split_dates",
     .type = RR_KEY_STRINGS,
     .offset = OWN(split_dates),
     .preset = "null",
     .word = "null",
     .help = "or by dates: [the first of valid, the first of test], and if wanted the first behind test"},
    {.name = "season",
     .type = RR_KEY_SIZE,
     .offset = OWN(season),
     .preset = "null",
     .word = "null",
     .min = 1,
     .max = 1e6,
     .unit = "rows",
     .help = "of the seasonal forecasts that stand beside the results; null: a day, of daily rows a week, of monthly "
             "ones a year"},
    {.name = "seasons",
     .type = RR_KEY_SIZE,
     .offset = OWN(seasons),
     .preset = "7",
     .min = 1,
     .max = 1e4,
     .unit = "seasons",
     .help = "whose mean is one of these forecasts"},
    {.name = NULL},
};

static rr_status check_split(const rr_task_setup *setup, const rr_forecast_config *config) {
    int ways = (setup->data->split.count > 0) + (config->split_rows.count > 0) + (config->split_dates.count > 0);
    const char *key = config->split_rows.count > 0 ? "task.split_rows" : "task.split_dates";
    if (ways > 1)
        return rr_config_fail(setup->config, key,
                              "only one of data.split, task.split_rows and task.split_dates is "
                              "allowed");
    if (ways == 1 && (setup->data->valid.count > 0 || setup->data->test.count > 0) && setup->data->split.count == 0)
        return rr_config_fail(setup->config, key, "divides data.train and does not go with data.%s",
                              setup->data->valid.count > 0 ? "valid" : "test");
    if (config->split_rows.count > 0 &&
        (config->split_rows.count != RR_SPLIT_COUNT || config->split_rows.values[0] == 0))
        return rr_config_fail(setup->config, "task.split_rows",
                              "must be three numbers of rows, [train, valid, test], the first > 0");
    if (config->split_dates.count > 0 && config->split_dates.count != 2 && config->split_dates.count != 3)
        return rr_config_fail(setup->config, "task.split_dates", "must be two or three dates, got %zu",
                              config->split_dates.count);
    return RR_OK;
}

static rr_status check_head(const rr_task_setup *setup, const rr_forecast_config *config) {
    const rr_floats *q = &config->quantiles;
    if (config->head != RR_HEAD_QUANTILE) return RR_OK;
    for (size_t i = 0; i < q->count; i++)
        if (i > 0 && q->values[i] <= q->values[i - 1])
            return rr_config_fail(setup->config, "task.quantiles", "must grow");
    if (q->count == 0 || q->count > RR_FORECAST_OUTPUTS)
        return rr_config_fail(setup->config, "task.quantiles", "must be 1 to %d quantiles, got %zu",
                              RR_FORECAST_OUTPUTS, q->count);
    if (config->transform != RR_TRANSFORM_NONE && config->horizon > 1)
        return rr_config_fail(setup->config, "task.head",
                              "quantile goes with task.transform only where task.horizon is 1: quantiles of sums are "
                              "no sums of quantiles");
    return RR_OK;
}

static rr_status check_names(const rr_task_setup *setup, const char *key, const rr_paths *names) {
    for (size_t i = 0; i < names->count; i++)
        for (size_t k = 0; k < i; k++)
            if (strcmp(names->items[i], names->items[k]) == 0)
                return rr_config_fail(setup->config, key, "names %s twice", names->items[i]);
    return RR_OK;
}

rr_status rr_forecast_check(const rr_task_setup *setup, const rr_forecast_config *config) {
    if (setup->model->tie_weights)
        return rr_config_fail(setup->config, "model.tie_weights", "must be false for forecasts: there are no tokens");
    if (setup->data->columns.count > 0)
        return rr_config_fail(setup->config, "data.columns",
                              "is not of forecasts: task.inputs and task.targets name "
                              "columns");
    const char *wrong = config->date_format != NULL ? rr_date_format_error(config->date_format) : NULL;
    if (wrong != NULL)
        return rr_config_fail(setup->config, "task.date_format", "\"%s\": %s", config->date_format, wrong);
    if (config->decimal == 1 && (setup->data->delimiter == NULL || setup->data->delimiter[0] == ','))
        return rr_config_fail(setup->config, "task.decimal", "comma wants another data.delimiter (\";\")");
    if (config->window % config->segment != 0)
        return rr_config_fail(setup->config, "task.segment", "must divide task.window (%zu), got %zu", config->window,
                              config->segment);
    RR_TRY(check_names(setup, "task.inputs", &config->inputs));
    RR_TRY(check_names(setup, "task.targets", &config->targets));
    RR_TRY(check_names(setup, "task.time_features", &config->time_features));
    RR_TRY(check_head(setup, config));
    return check_split(setup, config);
}
