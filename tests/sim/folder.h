/* tests/sim/folder.h - folders of plain files: kept as they are at one moment, put back at another, removed.
 *
 * Errors   end the run
 */
#pragma once

/* Nothing is kept of a folder that is not there. */
void folder_keep(const char *path);
/* The folder is again as it was kept. */
void folder_put_back(const char *path);
/* With all that is in it. */
void folder_remove(const char *path);
