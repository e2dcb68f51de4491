#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/auto.h"
#include "proto/link/ipc.h"
#include "proto/link/nng_error.h"

enum { SOCKET_MODE = 0660, PATH_MAX_LEN = sizeof(((struct sockaddr_un *)0)->sun_path) - 1 };
enum { MEET_US = 1000000 };
enum { URL_MAX = sizeof "ipc://" + PATH_MAX_LEN };

/* nng replaces whatever refuses a connection, and a plain file does, too: a wrong path in the configuration would cost
 * the file. */
static int check_path(const char *path, const char *what, struct err *err)
{
    if (strlen(path) > PATH_MAX_LEN || path[0] == '\0')
        return err_set(err, -ENAMETOOLONG, "%s: the path \"%s\" has %zu bytes, want 1..%d", what, path, strlen(path),
                       PATH_MAX_LEN);
    struct stat at;
    if (lstat(path, &at) == 0 && !S_ISSOCK(at.st_mode))
        return err_set(err, -EEXIST, "%s: %s is there and is not a socket", what, path);
    return 0;
}

/* nng would find out, too, by connecting and hanging up; a listener of its own kind then pauses for 100 ms, and loses
 * the connection's memory if it closes at that moment. So whoever is there is met politely, with a handshake. */
static bool is_served(const char *path, unsigned protocol, unsigned peer)
{
    AUTO(auto_close) int fd = -1;
    return ipc_connect(&fd, path, peer, protocol, ipc_now_us() + MEET_US, NULL) != -ECONNREFUSED;
}

/* A folder may give what is made in it a group of its own. */
static int give_to_group(const char *path, gid_t group, const char *what, struct err *err)
{
    struct stat at;
    if (lstat(path, &at) < 0)
        return err_sys(err, -errno, "%s: cannot look at %s", what, path);
    if (at.st_gid != group && lchown(path, (uid_t)-1, group) < 0)
        return err_sys(err, -errno, "%s: cannot give %s to the group %u", what, path, (unsigned)group);
    return 0;
}

int ipc_caller_of(nng_pipe pipe, struct ipc_caller *ret)
{
    uint64_t uid;
    uint64_t gid;
    if (nng_pipe_get_uint64(pipe, NNG_OPT_IPC_PEER_UID, &uid) != 0 ||
        nng_pipe_get_uint64(pipe, NNG_OPT_IPC_PEER_GID, &gid) != 0)
        return -EPIPE;
    *ret = (struct ipc_caller){ .uid = (uid_t)uid, .gid = (gid_t)gid };
    return 0;
}

int ipc_listen(nng_socket socket, const char *path, unsigned protocol, unsigned peer, const struct ipc_gate *gate,
               const char *what, struct err *err)
{
    int rc = check_path(path, what, err);
    if (rc < 0)
        return rc;
    if (is_served(path, protocol, peer))
        return err_set(err, -EADDRINUSE, "%s: another process listens at %s", what, path);
    char url[URL_MAX];
    snprintf(url, sizeof url, "ipc://%s", path);
    nng_listener listener;
    int rv = nng_listener_create(&listener, socket, url);
    if (rv != 0)
        return nng_error_set(err, rv, what);
    /* nng changes the mode between bind() and listen(): before it, whatever the umask, nobody can connect. */
    rv = nng_listener_set_int(listener, NNG_OPT_IPC_PERMISSIONS, SOCKET_MODE);
    if (rv == 0)
        rv = nng_listener_start(listener, 0);
    if (rv != 0)
        return err_set(err, nng_error(rv), "%s: cannot listen at %s: %s", what, path, nng_strerror(rv));
    return give_to_group(path, gate->group, what, err); /* the listener is the socket's, and closes with it */
}
