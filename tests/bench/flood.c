// flood ADDRESS KIND DEPTH [SESSION]: calls the daemon without a pause, DEPTH calls at a time over one connection, until its
// standard input ends; prints "ANSWERS REFUSED". KIND: objects, sessions, chroots, info, introspect, refused, properties,
// property, unknown, connections. `bus` calls the bus itself and never the daemon: what the bus costs others by itself.
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

static const char destination[] = "org.unionroot1", root[] = "/org/unionroot1", manager[] = "org.unionroot1.Manager";
static const char *address, *session;
static unsigned long answers, refused;
static int under_way;

struct call {
  const char *kind, *path, *interface, *member, *first, *second;
};
static const struct call calls[] = {
    {"objects", root, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects", NULL, NULL},
    {"sessions", root, manager, "ListSessions", NULL, NULL},
    {"chroots", root, manager, "ListChroots", NULL, NULL},
    {"info", root, manager, "Info", "", NULL},
    {"introspect", "/org/unionroot1/session", "org.freedesktop.DBus.Introspectable", "Introspect", NULL, NULL},
    {"refused", root, manager, "Begin", "no-such-chroot", "options"},
    {"properties", root, "org.freedesktop.DBus.Properties", "GetAll", "org.unionroot1.Manager", NULL},
    {"property", root, "org.freedesktop.DBus.Properties", "Get", "org.unionroot1.Manager", "Problems"},
    {"unknown", "/org/unionroot1/session/none", "org.unionroot1.Session", "NoSuchMethod", NULL, NULL},
    {"bus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "GetId", NULL, NULL},
};

static void check(int result, const char* doing) {
  if (result >= 0) return;
  fprintf(stderr, "flood: %s: %s\n", doing, strerror(-result));
  exit(1);
}

static sd_bus* connect_bus(void) {
  sd_bus* bus = NULL;
  check(sd_bus_new(&bus), "new connection");
  check(sd_bus_set_address(bus, address), "address");
  check(sd_bus_set_bus_client(bus, 1), "client");
  check(sd_bus_start(bus), "connect");
  return bus;
}

static int answered(sd_bus_message* reply, void* data, sd_bus_error* error) {
  (void)data;
  (void)error;
  --under_way;
  if (sd_bus_message_is_method_error(reply, "org.unionroot1.Error.LimitExceeded"))
    ++refused;
  else
    ++answers;
  return 1;
}

static void send_call(sd_bus* bus, const struct call* call) {
  sd_bus_message* message = NULL;
  const char* name = strcmp(call->kind, "bus") ? destination : "org.freedesktop.DBus";
  check(sd_bus_message_new_method_call(bus, &message, name, call->path, call->interface, call->member), "call");
  const char* first = call->first && !*call->first ? session : call->first;
  if (first) check(sd_bus_message_append(message, "s", first), "argument");
  if (call->second && !strcmp(call->second, "options"))
    check(sd_bus_message_append(message, "a{sv}", 0), "options");
  else if (call->second)
    check(sd_bus_message_append(message, "s", call->second), "argument");
  check(sd_bus_call_async(bus, NULL, message, answered, NULL, UINT64_MAX), "send");
  sd_bus_message_unref(message);
  ++under_way;
}

static int is_over(void) {
  struct pollfd input = {.fd = 0, .events = POLLIN};
  return poll(&input, 1, 0) > 0;
}

// Each connection asks once, and so has the daemon ask the bus who it is.
static void connections(void) {
  while (!is_over()) {
    sd_bus* bus = connect_bus();
    if (sd_bus_call_method(bus, destination, root, manager, "Location", NULL, NULL, "s", "none") == -ECONNRESET) exit(1);
    ++answers;
    sd_bus_close_unref(bus);
  }
}

static void calls_of(const struct call* call, int depth) {
  sd_bus* bus = connect_bus();
  for (unsigned long turn = 0; turn % 64 || !is_over(); ++turn) {
    while (under_way < depth) send_call(bus, call);
    int result = sd_bus_process(bus, NULL);
    check(result, "process");
    if (result == 0) check(sd_bus_wait(bus, 100000), "wait");
  }
  sd_bus_close_unref(bus);
}

int main(int argc, char** argv) {
  if (argc < 4 || argc > 5 || atoi(argv[3]) <= 0) {
    fprintf(stderr, "usage: flood ADDRESS KIND DEPTH [SESSION]\n");
    return 2;
  }
  address = argv[1];
  session = argc == 5 ? argv[4] : "none";
  const struct call* found = NULL;
  for (size_t i = 0; i < sizeof calls / sizeof *calls; ++i)
    if (!strcmp(calls[i].kind, argv[2])) found = &calls[i];
  if (found)
    calls_of(found, atoi(argv[3]));
  else if (!strcmp(argv[2], "connections"))
    connections();
  else {
    fprintf(stderr, "flood: there is no kind %s\n", argv[2]);
    return 2;
  }
  printf("%lu %lu\n", answers, refused);
  return 0;
}
