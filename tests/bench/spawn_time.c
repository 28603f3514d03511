// spawn_time COUNT {+timed LABEL | +untimed} COMMAND... [{+timed LABEL | +untimed} COMMAND...]...
//
// Runs the commands one after another, COUNT rounds of them, so that what is compared takes turns under the same
// load; prints "LABEL MEDIAN_US MIN_US MAX_US" for each timed one. posix_spawn starts a process with CLONE_VM|CLONE_VFORK:
// no shell and no fork of a large process is in the figures. A command that fails ends everything with status 1.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char** environ;

enum { most_steps = 32 };

struct step {
  const char* label;  // NULL: untimed
  char** arguments;
  double* microseconds;
};

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int ascending(const void* a, const void* b) {
  double x = *(const double*)a, y = *(const double*)b;
  return (x > y) - (x < y);
}

static double run(const struct step* step, posix_spawn_file_actions_t* actions) {
  pid_t pid;
  int status;
  double start = now();
  int error = posix_spawnp(&pid, step->arguments[0], actions, NULL, step->arguments, environ);
  if (error != 0) {
    fprintf(stderr, "spawn_time: %s: %s\n", step->arguments[0], strerror(error));
    exit(1);
  }
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  double taken = now() - start;
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    fprintf(stderr, "spawn_time: failed (wait status %#x):", (unsigned)status);
    for (char** word = step->arguments; *word != NULL; ++word) fprintf(stderr, " %s", *word);
    fprintf(stderr, "\n");
    exit(1);
  }
  return taken;
}

int main(int count_of_arguments, char** arguments) {
  struct step steps[most_steps];
  int count = 0;
  int rounds = count_of_arguments > 1 ? atoi(arguments[1]) : 0;
  for (int i = 2; i < count_of_arguments; ++i) {
    int timed = strcmp(arguments[i], "+timed") == 0;
    if (!timed && strcmp(arguments[i], "+untimed") != 0) continue;
    if (count == most_steps || i + 1 + timed >= count_of_arguments) {
      fprintf(stderr, "spawn_time: too many commands, or one is missing\n");
      return 2;
    }
    arguments[i] = NULL;  // ends the command before
    steps[count].label = timed ? arguments[i + 1] : NULL;
    steps[count].arguments = arguments + i + 1 + timed;
    steps[count].microseconds = calloc((size_t)(rounds > 0 ? rounds : 1), sizeof(double));
    ++count;
    i += timed;
  }
  if (rounds <= 0 || count == 0) {
    fprintf(stderr, "usage: spawn_time COUNT {+timed LABEL | +untimed} COMMAND...\n");
    return 2;
  }
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
  for (int round = 0; round < rounds; ++round)
    for (int i = 0; i < count; ++i) steps[i].microseconds[round] = run(&steps[i], &actions);
  for (int i = 0; i < count; ++i) {
    if (steps[i].label == NULL) continue;
    qsort(steps[i].microseconds, (size_t)rounds, sizeof(double), ascending);
    printf("%s %.1f %.1f %.1f\n", steps[i].label, steps[i].microseconds[rounds / 2], steps[i].microseconds[0],
           steps[i].microseconds[rounds - 1]);
  }
  return 0;
}
