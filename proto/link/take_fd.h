/* proto/link/take_fd.h - hands an owned descriptor on, as TAKE() does with a pointer: return take_fd(&fd). */
#pragma once

static inline int take_fd(int *fd)
{
    int took = *fd;
    *fd = -1;
    return took;
}
