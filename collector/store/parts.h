/* collector/store/parts.h - the store's inside, for the files that share its public face: store.c (opening,
 * start), put.c (writes) and ask.c (reads). */
#pragma once
#include <uv.h>

#include "base/work.h"
#include "collector/store/file.h"
#include "collector/store/heads.h"
#include "collector/store/pack/pack.h"
#include "collector/store/read/reader.h"
#include "collector/store/store.h"
#include "collector/store/upkeep/space.h"
#include "uthash.h"

struct tenant_file {
    uint64_t tenant;
    struct file *file;
    UT_hash_handle hh;
};

struct store {
    struct file_home home;
    char *dir;
    int lock_fd;
    struct store_counts counts;
    struct took took;
    struct store_marks marks;
    struct file *registry;
    struct heads *heads;
    int64_t heads_us; /* when they were last put, monotonic; 0: never */
    struct tenant_file *tenants;
    struct reader *reader;
    struct worker *copier; /* makes the checkpoints of all files, and looks how full their disk is */
    struct space *space;
    struct packer *packer;
    struct backup *backup; /* NULL: none is under way */
    uv_timer_t tick;
    bool ticking;
    int64_t life;      /* random: tells this store from those before it, see chain.h */
    int64_t n_entries; /* of ledgers, put in this life */
};

/* The file of a tenant, made known when it is new. -ENOMEM, also for too many. */
int store_file_of(struct store *store, uint64_t tenant, struct file **ret, struct err *err);
