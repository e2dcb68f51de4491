/* recorded-tell PLAIN: what the messages of a recording mean, for whoever records (scripts/record-peer.sh). */
#include "tests/recorded/recorded.h"

int main(int argc, char **argv)
{
    static struct recorded recorded;
    struct err err;
    int rc = argc == 2 ? recorded_read(argv[1], &recorded, &err) : err_set(&err, -1, "usage: recorded-tell PLAIN");
    for (size_t i = 0; rc == 0 && i < recorded.n; i++)
        rc = recorded_tell(stdout, recorded.at[i].request, recorded.at[i].said.at, recorded.at[i].said.len, &err);
    if (rc < 0)
        fprintf(stderr, "recorded-tell: %s\n", err.text);
    return rc < 0;
}
