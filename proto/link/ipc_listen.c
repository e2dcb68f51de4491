#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>

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

int ipc_listen(nng_socket socket, const char *path, unsigned protocol, unsigned peer, const char *what, struct err *err)
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
    return 0; /* the listener is the socket's, and closes with it */
}
