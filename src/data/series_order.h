/* The order of a series' rows. */
#ifndef RR_DATA_SERIES_ORDER_H
#define RR_DATA_SERIES_ORDER_H

#include "data/series.h"

/**
 * Of rows that stand series after series: dates grow within each, or (sort) are made to; without dates rows are
 * numbered. Rows that are left out or moved are counted. @return RR_ERR_INPUT, RR_ERR_NOMEM
 */
rr_status rr_series_put_in_order(bool sort, rr_series *series);

#endif
