/* tests/sim/scenario.h - what is played: who is there, what they do, what must have come of it.
 *
 * Shape    a scenario is a row of a table in main.c: when it begins, and a function that fills the stage, opens the
 *          room, lets time pass and looks at what is left. Whatever it finds wrong ends the run
 */
#pragma once
#include "tests/sim/hosts.h"
#include "tests/sim/room.h"

struct stage {
    uint64_t seed;
    int log_fd;
    int64_t hours;
    unsigned most_hosts; /* 0: as the scenario has it */
    bool calm;
    struct sim_host *hosts; /* HOSTS_MAX of them... */
    size_t n_hosts;         /* ...and so many that live */
};

/* faults.c: hosts with spells of high CPU, an event and faults of all kinds. */
void play_faults(struct stage *stage);
/* days.c: a day with a live window, people who answer or do not, and faults of all kinds. */
void play_days(struct stage *stage);
/* day.c: an event from its contract to the customer's acceptance, over a live day; `calm`: nobody is killed. */
void play_event(struct stage *stage);
/* moves.c: people, clocks and kills in any order. */
void play_moves(struct stage *stage);
struct room_watcher moves_watcher(void);
