/* warroom-unblock: blocks on stdin, each behind its length (u32), as columns on stdout: counts of ticks and columns
 * (u32 each), the ticks' times, then of each column a byte (1: doubles) and its values, all in the machine's own order.
 * A program of its own, so that what is proved about the bytes is proved by the code that will read them. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/auto.h"
#include "collector/store/block/block.h"

#define ARENA_BYTES ((size_t)1 << 30)

static void write_block(const struct block *block)
{
    uint32_t counts[] = { block->n_ticks, block->n_columns };
    fwrite(counts, sizeof counts, 1, stdout);
    fwrite(block->at_us, sizeof *block->at_us, block->n_ticks, stdout);
    for (uint32_t i = 0; i < block->n_columns; i++) {
        putchar(block->columns[i].real);
        fwrite(block->columns[i].fixed, sizeof(int64_t), block->n_ticks, stdout);
    }
}

/* 1: there are no more. */
static int next_block(struct block_coder *coder, struct arena *arena, struct err *err)
{
    uint32_t len;
    struct block block;
    if (fread(&len, sizeof len, 1, stdin) != 1)
        return 1;
    AUTO(auto_free) uint8_t *bytes = malloc(len + (size_t)1);
    if (!bytes || fread(bytes, 1, len, stdin) != len)
        return err_set(err, -EIO, "a block is cut short");
    arena_reset(arena);
    int rc = block_decode(coder, bytes, len, arena, &block, err);
    if (rc == 0)
        write_block(&block);
    return rc;
}

int main(void)
{
    struct block_coder *coder = NULL;
    struct arena arena;
    struct err err;
    arena_init(&arena, ARENA_BYTES);
    int rc = block_coder_new(&coder, &err);
    while (rc == 0)
        rc = next_block(coder, &arena, &err);
    if (rc < 0)
        fprintf(stderr, "unblock: %s\n", err.text);
    arena_done(&arena);
    block_coder_free(coder);
    return rc < 0 || fflush(stdout) != 0 ? 1 : 0;
}
