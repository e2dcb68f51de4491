/* proto/metric/metric_id.h - the enumerators of the catalogue, made from its rows. Included by metric.h. */
#pragma once

enum metric_id {
#define METRIC(id, ...) METRIC_##id,
#include "proto/metric/catalogue.h"
#undef METRIC
    METRIC_COUNT
};
