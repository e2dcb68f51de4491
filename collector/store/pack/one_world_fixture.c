#include "collector/store/pack/one_world_fixture.h"

struct world *world;

int setup(void **state)
{
    int rc = fixture_setup(state);
    world = world_new(*state);
    add_tenant(world->f, WORLD_TENANT);
    return rc;
}

int teardown(void **state)
{
    world_free(world);
    return fixture_teardown(state);
}

void go_to_hour(int64_t hour)
{
    int64_t at_us = NOW / PACK_DAY_US * PACK_DAY_US + hour * PACK_HOUR_US;
    world_pass(world, at_us - NOW);
}
