/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_serve - runs the gateway, in the foreground or as a daemon.
 *
 * As a daemon the parent waits until the listeners are open (the child says so through a pipe), so
 * that its exit code tells the truth. A child that dies closes the pipe: the read ends without a
 * byte, and no time-out is needed.
 *
 * One fork and setsid(2), not the old double fork: the child leaves the terminal's session, and
 * opens no terminal that could become its own. It stays in the working directory, from which
 * relative paths are meant. Under systemd or in a container `weir serve` in the foreground is
 * right.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "app/config.h"
#include "app/daemon.h"
#include "app/data_dir.h"
#include "app/pidfile.h"
#include "app/serve.h"

static int child(const struct options *o, const char *log, int ready)
{
    setsid();
    int in = open("/dev/null", O_RDONLY);
    int out = open(log, O_WRONLY | O_CREAT | O_APPEND, 0640);
    if (in < 0 || out < 0 || dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0)
        return EXIT_FAILED;
    close(in);
    close(out);
    return serve_run(o, ready);
}

static void show_tail(const char *log)
{
    char text[2048];
    int fd = open(log, O_RDONLY | O_CLOEXEC);
    off_t size = fd < 0 ? 0 : lseek(fd, 0, SEEK_END);
    if (fd >= 0 &&
        lseek(fd, size > (off_t)sizeof(text) ? size - (off_t)sizeof(text) : 0, SEEK_SET) >= 0) {
        ssize_t n = read(fd, text, sizeof(text));
        if (n > 0)
            fwrite(text, 1, (size_t)n, stderr);
    }
    if (fd >= 0)
        close(fd);
}

int daemon_start(const struct options *o, const struct snapshot *s)
{
    char log[4096], dir[4096], got;
    int fds[2], status = 0;
    snprintf(dir, sizeof(dir), STR_FMT, STR_ARG(s->data_dir));
    if (!data_dir_make(dir)) {
        fprintf(stderr, "weir: cannot make %s; name a place with --data\n", dir);
        return EXIT_FAILED;
    }
    int n = snprintf(log, sizeof(log), "%s/weir.log", dir);
    if (n < 0 || (size_t)n >= sizeof(log) || pipe2(fds, O_CLOEXEC) != 0)
        return EXIT_FAILED;
    fflush(NULL); /* or both would write what is still in stdio's buffers */
    pid_t pid = fork();
    if (pid < 0)
        return EXIT_FAILED;
    if (pid == 0) {
        close(fds[0]);
        _exit(child(o, log, fds[1])); /* not exit: the parent's atexit handlers are not ours */
    }
    close(fds[1]); /* else the read would never see the end */
    bool up = read(fds[0], &got, 1) == 1;
    close(fds[0]);
    if (up) {
        fprintf(stderr, "weir runs (pid %d), its log is %s\n", (int)pid, log);
        return EXIT_DONE;
    }
    waitpid(pid, &status, 0);
    show_tail(log);
    return WIFEXITED(status) && WEXITSTATUS(status) == EXIT_USAGE ? EXIT_USAGE : EXIT_FAILED;
}

static int run(const struct options *o)
{
    if (!o->daemon)
        return serve_run(o, -1);
    struct snapshot *s = config_load(o, true);
    if (!s)
        return EXIT_USAGE;
    pid_t pid = pidfile_read(s);
    int rc = EXIT_FAILED;
    if (pid)
        fprintf(stderr, "weir runs already (pid %d); `weir stop` ends it\n", (int)pid);
    else
        rc = daemon_start(o, s);
    snapshot_unref(s);
    return rc;
}

const struct command command_serve = {
    .name = "serve",
    .args = "[--config FILE] [--data DIR] [--daemon]",
    .summary = "run the gateway",
    .help = "Serves until SIGTERM or Ctrl-C; calls in flight are finished first. SIGHUP, or a "
            "change of the\n"
            "configuration file, reloads it without a failed request. SIGUSR1 reopens the access "
            "log.\n\n"
            "  --daemon        in the background; returns when it is ready",
    .run = run,
};
