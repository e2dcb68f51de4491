/* tests/sim/plant.h - bugs the simulation must find: each is one it was made for, put between the programs' parts where
 * the linker lets us (--wrap), and asleep unless it is named.
 */
#pragma once
#include <stdbool.h>

/* Every run from here on has it. false: there is no such bug. */
bool plant_set(const char *name);
/* As --help lists them. */
#define PLANT_NAMES "outbox|ack|unknown"
