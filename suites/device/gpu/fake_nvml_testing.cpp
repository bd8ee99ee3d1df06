// For tests: a management library that knows one GPU, at 0000:1b:00.0, and tells known numbers of it, and
// that reports two errors of the driver after the first reading. Built as a shared object of its own.
#include <cstring>

extern "C" {

int nvmlInit_v2() {
  return 0;
}
int nvmlDeviceGetHandleByPciBusId_v2(const char* address, void** device) {
  static int gpu;
  *device = &gpu;
  return std::strcmp(address, "0000:1b:00.0") == 0 ? 0 : 6;
}
int nvmlDeviceGetUUID(void*, char* text, unsigned length) {
  std::strncpy(text, "GPU-01234567-89ab-cdef-0123-456789abcdef", length - 1);
  return 0;
}
int nvmlSystemGetDriverVersion(char* text, unsigned length) {
  std::strncpy(text, "580.95.05", length - 1);
  return 0;
}
int nvmlDeviceGetClockInfo(void*, unsigned type, unsigned* megahertz) {
  *megahertz = type == 1 ? 1755 : 3201;  // SM, memory
  return 0;
}
int nvmlDeviceGetPowerUsage(void*, unsigned* milliwatts) {
  *milliwatts = 698500;
  return 0;
}
int nvmlDeviceGetTemperature(void*, unsigned, unsigned* degrees) {
  *degrees = 64;
  return 0;
}
int nvmlDeviceGetTotalEnergyConsumption(void*, unsigned long long* millijoules) {
  *millijoules = 123456789012;
  return 0;
}
int nvmlDeviceGetCurrentClocksThrottleReasons(void*, unsigned long long* reasons) {
  *reasons = 0x1 | 0x4 | 0x40;
  return 0;
}
int nvmlDeviceGetTotalEccErrors(void*, unsigned kind, unsigned, unsigned long long* count) {
  *count = 7;
  return kind == 0 ? 0 : 3;  // uncorrected: "not supported"
}
int nvmlDeviceGetComputeRunningProcesses_v3(void*, unsigned* count, void*) {
  *count = 2;
  return 7;
}

struct Field {
  unsigned field, scope;
  long long timestamp, latency;
  unsigned type;
  int status;
  unsigned long long value;
};
int nvmlDeviceGetFieldValues(void*, int count, Field* fields) {
  for (int i = 0; i < count; ++i) {
    fields[i].status = fields[i].field == 82 ? 0 : 3;
    fields[i].type = 1;
    fields[i].value = 88;
  }
  return 0;
}
int nvmlDeviceGetRemappedRows(void*, unsigned* corrected, unsigned* uncorrected, unsigned* pending,
                              unsigned* failed) {
  *corrected = 2;
  *uncorrected = 1;
  *pending = *failed = 0;
  return 0;
}
int nvmlDeviceGetPcieReplayCounter(void*, unsigned* count) {
  *count = 11;
  return 0;
}

struct Events {
  int waits = 0;
  unsigned long long types = 0;
};
struct Event {
  void* device;
  unsigned long long type, data;
  unsigned gpu_instance, compute_instance;
};
int nvmlEventSetCreate(void** set) {
  *set = new Events;
  return 0;
}
int nvmlDeviceRegisterEvents(void*, unsigned long long types, void* set) {
  static_cast<Events*>(set)->types |= types;
  return 0;
}
int nvmlEventSetWait_v2(void* set, Event* event, unsigned milliseconds) {
  auto& events = *static_cast<Events*>(set);
  const int wait = events.waits++;
  if (milliseconds != 0 || (events.types & 8) == 0 || wait == 0 || wait > 3) return 10;  // "time is up"
  *event = {nullptr, wait == 2 ? 1ull : 8ull, wait == 1 ? 31ull : 79ull, ~0u, ~0u};
  return 0;
}
int nvmlEventSetFree(void* set) {
  delete static_cast<Events*>(set);
  return 0;
}
}
