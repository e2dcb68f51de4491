/* collector/agent_fixture.h - the agents of collector_fixture.h: for the fixture itself. */
#pragma once
#include "collector/collector_fixture.h"

/* Closes them all. Till then a test may look at the replies of one that has gone. */
void free_agents(struct fixture *f);
