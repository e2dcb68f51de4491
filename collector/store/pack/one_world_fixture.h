/* A store of one tenant, and the world of its ticks, for each test anew. */
#pragma once
#include "collector/store/pack/pack_fixture.h"

#include "collector/store/pack/pack.h"

extern struct world *world;

#define PACK_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define NOW             world_now_us(world)

int setup(void **state);
int teardown(void **state);
/* 2026-11-23T02:13:20Z, the fixture's beginning, brought to a full hour of its day. */
void go_to_hour(int64_t hour);
