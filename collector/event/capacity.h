/* collector/event/capacity.h - what is kept of the capacity checks of events.
 *
 * Shape    a check is a row, numbered by event from 1 on, and its document in pieces: JSON, warroom.capacity/1. The
 *          last CAPACITY_KEPT of an event are kept. Spans are load tests that its checks take for further load points
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum {
    CAPACITY_KEPT = 20,
    CAPACITY_SPANS_MAX = 16,
    CAPACITY_BY_MAX = 63,
    CAPACITY_WORD_MAX = 23,
    CAPACITY_PIECE_MAX = 16384,
    CAPACITY_PIECES_A_READ = 8,
    CAPACITY_TEXT_MAX = 8 << 20 /* of a document */
};

struct capacity_check { /* a row */
    uint64_t event;
    int version;
    int64_t made_us;
    char by[CAPACITY_BY_MAX + 1];
    char verdict[CAPACITY_WORD_MAX + 1];
    char state[CAPACITY_WORD_MAX + 1]; /* ok, warning, critical, unknown */
    int64_t bytes;                     /* of its document; 0: it is to be deleted */
};

struct capacity_piece { /* of a document, cut between characters */
    uint64_t event;
    int version;
    int64_t offset;                    /* in bytes */
    char text[CAPACITY_PIECE_MAX + 1]; /* "": it is to be deleted */
};

struct capacity_span { /* [from, to) */
    uint64_t event;
    int64_t from_us, to_us;
    char by[CAPACITY_BY_MAX + 1]; /* who said so, and when */
    int64_t said_us;
};
