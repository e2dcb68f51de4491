/* Stored ticks, oldest first, for the start to judge them again: a merge of the inbox, which is read along its index,
 * and of blocks, of which only keys and times are held. */
#include <errno.h>
#include <stdlib.h>

#include "base/auto.h"
#include "collector/store/db.h"
#include "collector/store/read/decoder.h"
#include "collector/store/read/query.h"
#include "collector/store/read/scan.h"
#include "collector/store/schema.h"

struct block_key {
    int64_t first_us;
    int64_t id;
    uint64_t host;
};

struct replay {
    struct reading *reading;
    int64_t from_us;
    void (*fn)(void *user, uint64_t host, const struct series_table *table, const struct batch *batch,
               const int64_t *at_us);
    void *user;
    struct decoder decoder;
    sqlite3_stmt *batches;
    sqlite3_stmt *block;
    size_t n_keys, room;
    struct block_key *keys; /* by time */
    size_t next;
};

static void replay_done(struct replay *replay)
{
    decoder_done(&replay->decoder);
    sqlite3_finalize(replay->batches);
    sqlite3_finalize(replay->block);
    free(replay->keys);
}

static int keep_key(struct replay *replay, const struct block_key *key, struct err *err)
{
    if (replay->n_keys == replay->room) {
        size_t room = replay->room ? replay->room * 2 : 256;
        struct block_key *grown = reallocarray(replay->keys, room, sizeof *grown);
        if (!grown)
            return err_set(err, -ENOMEM, "store: out of memory");
        replay->keys = grown;
        replay->room = room;
    }
    replay->keys[replay->n_keys++] = *key;
    return 0;
}

static int by_time(const void *a, const void *b)
{
    const struct block_key *left = a;
    const struct block_key *right = b;
    int by_first = (left->first_us > right->first_us) - (left->first_us < right->first_us);
    return by_first ? by_first : (left->id > right->id) - (left->id < right->id);
}

/* A block that began before the instant is told from there on. */
static int find_blocks(struct replay *replay, struct err *err)
{
    AUTO(db_auto_finalize) sqlite3_stmt *stmt = NULL;
    int rc = db_prepare(replay->reading->db,
                        "SELECT block.first_us, block.id, host.id FROM host JOIN block ON block.id BETWEEN"
                        " (host.no << 39 | ?1) AND (host.no << 39 | (1 << 39) - 1) WHERE block.last_us >= ?2",
                        &stmt, err);
    if (rc < 0)
        return rc;
    sqlite3_bind_int64(stmt, 1, scan_first_id(0, replay->from_us));
    sqlite3_bind_int64(stmt, 2, replay->from_us);
    while ((rc = db_step(stmt, err)) == DB_ROW) {
        struct block_key key = { reading_later(sqlite3_column_int64(stmt, 0), replay->from_us),
                                 sqlite3_column_int64(stmt, 1), (uint64_t)sqlite3_column_int64(stmt, 2) };
        rc = keep_key(replay, &key, err);
        if (rc < 0)
            return rc;
    }
    if (rc == 0 && replay->n_keys > 1)
        qsort(replay->keys, replay->n_keys, sizeof *replay->keys, by_time);
    return rc;
}

static int tell(struct replay *replay, uint64_t host, struct decoded *decoded, struct err *err)
{
    if (!decoded->table)
        return 0;
    int rc = decoded_trim(&replay->decoder, decoded, replay->from_us, err);
    if (rc == 0 && decoded->batch.n_ticks > 0)
        replay->fn(replay->user, host, decoded->table, &decoded->batch, decoded->at_us);
    return rc;
}

/* A batch as the agent sent it, but for its clocks: nobody asks for them any more. */
static int decode_block(struct replay *replay, sqlite3_stmt *stmt, struct decoded *ret, struct err *err)
{
    struct block block;
    *ret = (struct decoded){ .table = NULL };
    arena_reset(replay->reading->rows);
    int rc = decoder_table(&replay->decoder, sqlite3_column_int64(stmt, 0), &ret->table, err);
    if (rc < 0)
        return rc;
    rc = ret->table ? block_decode(replay->reading->coder, sqlite3_column_blob(stmt, 1),
                                   (size_t)sqlite3_column_bytes(stmt, 1), replay->reading->rows, &block, err)
                    : -EBADMSG;
    if (rc == 0 && (block.n_columns != ret->table->n || block.n_parts == 0))
        rc = -EBADMSG;
    if (rc == -EBADMSG || rc == -ENOTSUP) {
        replay->reading->unreadable++;
        ret->table = NULL;
        return 0;
    }
    if (rc < 0)
        return rc;
    arena_reset(&replay->decoder.batch_arena);
    ret->at_us = block.at_us;
    ret->batch = (struct batch){ .run = block.parts[0].run,
                                 .first = block.parts[0].first,
                                 .n_ticks = block.n_ticks,
                                 .n_columns = block.n_columns,
                                 .table = ret->table->hash,
                                 .mono_us = block.at_us,
                                 .wall_us = block.at_us,
                                 .columns = block.columns };
    return 0;
}

static int tell_block(struct replay *replay, const struct block_key *key, struct err *err)
{
    AUTO(db_auto_reset) sqlite3_stmt *stmt = replay->block;
    struct decoded decoded = { .table = NULL };
    sqlite3_bind_int64(stmt, 1, key->id);
    int rc = db_step(stmt, err);
    if (rc == DB_ROW)
        rc = decode_block(replay, stmt, &decoded, err);
    return rc < 0 ? rc : tell(replay, key->host, &decoded, err);
}

static int tell_blocks_before(struct replay *replay, int64_t before_us, struct err *err)
{
    int rc = 0;
    while (rc == 0 && replay->next < replay->n_keys && replay->keys[replay->next].first_us < before_us)
        rc = tell_block(replay, &replay->keys[replay->next++], err);
    return rc;
}

static int prepare(struct replay *replay, struct err *err)
{
    sqlite3 *db = replay->reading->db;
    int64_t span_us = 0;
    int rc = decoder_init(&replay->decoder, db, err);
    if (rc == 0)
        rc = db_prepare(db, "SELECT series_table, bytes FROM block WHERE id = ?", &replay->block, err);
    if (rc == 0)
        rc = db_number(db, "SELECT max(span_us) FROM interval", &span_us, err);
    /* Sorted slot by slot along the index: no more than a slot's worth is ever held for it. */
    if (rc == 0)
        rc = db_prepare(db,
                        "SELECT " DECODER_COLUMNS ", (SELECT host FROM run WHERE run.id = batch.run) FROM batch"
                        " WHERE slot >= ? AND last_us >= ? ORDER BY slot, first_us, batch.run, first",
                        &replay->batches, err);
    if (rc < 0)
        return rc;
    int64_t before_us = replay->from_us - reading_earlier(span_us, STORE_SPAN_MAX_US);
    sqlite3_bind_int64(replay->batches, 1, reading_later(before_us, 0) / STORE_SLOT_US); /* none set aside */
    sqlite3_bind_int64(replay->batches, 2, replay->from_us);
    return find_blocks(replay, err);
}

int query_replay(struct reading *reading, int64_t from_us,
                 void (*fn)(void *user, uint64_t host, const struct series_table *table, const struct batch *batch,
                            const int64_t *at_us),
                 void *user, struct err *err)
{
    AUTO(replay_done) struct replay replay = { .reading = reading, .from_us = from_us, .fn = fn, .user = user };
    int rc = prepare(&replay, err);
    if (rc < 0)
        return rc;
    while ((rc = db_step(replay.batches, err)) == DB_ROW) {
        struct decoded decoded;
        rc = tell_blocks_before(&replay, sqlite3_column_int64(replay.batches, DECODER_FIRST_US), err);
        if (rc == 0)
            rc = decoder_row(&replay.decoder, replay.batches, &decoded, err);
        if (rc == 0)
            rc = tell(&replay, (uint64_t)sqlite3_column_int64(replay.batches, DECODER_NEXT), &decoded, err);
        if (rc < 0)
            return rc;
    }
    if (rc == 0)
        rc = tell_blocks_before(&replay, INT64_MAX, err);
    reading->unreadable += replay.decoder.unreadable;
    return rc;
}
