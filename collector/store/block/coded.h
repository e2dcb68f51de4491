/* collector/store/block/coded.h - columns told by model.h, each by itself but for the columns it leans on.
 *
 * Shape    a column leans on up to two *parts*, columns before it of which a multiple is taken off, and on a *guide*,
 *          one whose changes say what to expect. Reading it means reading those, and those they lean on, no others.
 *          What is known of all columns stands in one place, the *heads*
 */
#pragma once
#include "collector/store/block/form.h"
#include "collector/store/block/model.h"

enum {
    CODED_PARTS = 2,
    CODED_NEEDS_MAX = 16, /* columns to be read for one, itself included */
    CODED_NONE = UINT32_MAX
};

enum coded_kind {
    CODED_EVEN,   /* all values are one, or there are none */
    CODED_MODEL,  /* told by the model */
    CODED_PACKED, /* compressed by itself, as column_write() has it */
    CODED_KINDS
};

enum coded_mode { CODED_PLAIN, CODED_DELTA, CODED_DOUBLE_DELTA, CODED_MODES };

struct coded_head {
    enum coded_kind kind;
    struct numbers numbers; /* .at is not used */
    struct reader runs;     /* of present and absent ticks; empty: all are present */
    enum coded_mode mode;
    struct model_shape shape;
    uint64_t zero; /* PLAIN: the number that counts as 0 */
    uint32_t n_parts;
    struct coded_part {
        uint32_t column;
        uint64_t times; /* int64_t */
        bool ahead;     /* by its number of the tick after; of the last tick, its own */
    } parts[CODED_PARTS];
    uint32_t guide; /* CODED_NONE */
    uint32_t len;   /* bytes in its group */
    size_t at;      /* where, counted from the start of the first group */
};

size_t coded_head_bytes_max(uint32_t n_ticks);
void coded_head_write(const struct coded_head *head, uint32_t column, struct writer *writer);
/* Reads those of all columns. False: no heads. */
bool coded_heads_read(struct reader *reader, uint32_t n_ticks, uint32_t n_columns, struct coded_head *heads);

static inline bool coded_may_lean_on(const struct coded_head *head, uint32_t n_ticks)
{
    return head->kind == CODED_MODEL && head->numbers.n == n_ticks && !head->numbers.bits;
}

/* What is left to tell of `numbers`, into `rest`; `parts` are the columns of head->parts. And back. */
void coded_take_off(const struct coded_head *head, const uint64_t *numbers, const uint64_t *const *parts,
                    uint64_t *rest);
void coded_put_back(const struct coded_head *head, uint64_t *numbers, const uint64_t *const *parts);
/* What a column's changes tell another. */
void coded_signal(const uint64_t *guide, uint32_t n, uint8_t *signal);
