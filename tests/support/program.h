/*
 * program.h - a `csyft worker` in a process of its own, as others run it: started, measured from outside through /proc,
 * ended with SIGTERM.
 */
#ifndef CSYFT_TESTS_PROGRAM_H
#define CSYFT_TESTS_PROGRAM_H

#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/test.h"

typedef struct program {
    pid_t pid;
    char urls[2][128]; /* where it listens */
} program;

extern char **environ;

/* argv[0] is "csyft"; the list ends in NULL. It must say `count` times where it listens. */
static inline void program_start(program *p, const char *const *argv, size_t count)
{
    int ends[2];
    posix_spawn_file_actions_t actions;
    assert_int_equal(pipe(ends), 0);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    posix_spawn_file_actions_addclose(&actions, ends[0]);
    posix_spawn_file_actions_addclose(&actions, ends[1]);
    assert_int_equal(posix_spawn(&p->pid, CSYFT_TEST_PROGRAM, &actions, NULL,
                                 (char *const *)(const void *)argv, environ),
                     0);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    FILE *said = fdopen(ends[0], "r");
    for (size_t k = 0; k < count; k++) {
        char line[200];
        assert_non_null(fgets(line, sizeof line, said));
        assert_int_equal(sscanf(line, "listening on %127s", p->urls[k]), 1);
    }
    fclose(said);
}

/* It must end well. */
static inline void program_stop(program *p)
{
    int status = -1;
    assert_int_equal(kill(p->pid, SIGTERM), 0);
    assert_int_equal(waitpid(p->pid, &status, 0), p->pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* A number of /proc/PID/status: "VmRSS" in kB, "Threads". pid 0: this process. */
static inline long program_status(pid_t pid, const char *field)
{
    char path[64], line[256];
    long value = -1;
    snprintf(path, sizeof path, "/proc/%ld/status", (long)(pid != 0 ? pid : getpid()));
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    while (fgets(line, sizeof line, file) != NULL) {
        const size_t length = strlen(field);
        if (strncmp(line, field, length) == 0 && line[length] == ':') {
            value = strtol(line + length + 1, NULL, 10);
        }
    }
    fclose(file);
    assert_true(value >= 0);
    return value;
}

#endif
