// bus_rate ADDRESS CHROOT COUNT: begins and ends COUNT sessions over one D-Bus connection, one after another, and
// prints "MEDIAN_BEGIN_US MEDIAN_END_US TOTAL_US".
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>
#include <time.h>

static const char destination[] = "org.unionroot1", path[] = "/org/unionroot1", interface[] = "org.unionroot1.Manager";

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int ascending(const void* a, const void* b) {
  double x = *(const double*)a, y = *(const double*)b;
  return (x > y) - (x < y);
}

static void check(int result, const char* doing, const sd_bus_error* error) {
  if (result >= 0) return;
  fprintf(stderr, "bus_rate: %s: %s\n", doing, error && error->message ? error->message : strerror(-result));
  exit(1);
}

int main(int argc, char** argv) {
  if (argc != 4 || atoi(argv[3]) <= 0) {
    fprintf(stderr, "usage: bus_rate ADDRESS CHROOT COUNT\n");
    return 2;
  }
  size_t count = (size_t)atoi(argv[3]);
  double* begins = calloc(count, sizeof(double));
  double* ends = calloc(count, sizeof(double));
  sd_bus* bus = NULL;
  check(sd_bus_new(&bus), "new connection", NULL);
  check(sd_bus_set_address(bus, argv[1]), "address", NULL);
  check(sd_bus_set_bus_client(bus, 1), "client", NULL);
  check(sd_bus_start(bus), "connect", NULL);
  double start = now();
  for (size_t i = 0; i < count; ++i) {
    sd_bus_error error = SD_BUS_ERROR_NULL;
    sd_bus_message *begun = NULL, *ended = NULL;
    const char* session = NULL;
    double before = now();
    check(sd_bus_call_method(bus, destination, path, interface, "Begin", &error, &begun, "sa{sv}", argv[2], 0), "Begin",
          &error);
    double between = now();
    check(sd_bus_message_read(begun, "s", &session), "reply", NULL);
    double again = now();
    check(sd_bus_call_method(bus, destination, path, interface, "End", &error, &ended, "sa{sv}", session, 0), "End",
          &error);
    begins[i] = between - before;
    ends[i] = now() - again;
    sd_bus_message_unref(begun);
    sd_bus_message_unref(ended);
  }
  double total = now() - start;
  qsort(begins, count, sizeof(double), ascending);
  qsort(ends, count, sizeof(double), ascending);
  printf("%.1f %.1f %.1f\n", begins[count / 2], ends[count / 2], total);
  sd_bus_flush_close_unref(bus);
  return 0;
}
