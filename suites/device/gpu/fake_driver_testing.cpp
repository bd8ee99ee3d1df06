// For tests: NVIDIA's driver library of CUDA 12.4, found in front of a real one, with nothing behind it. A
// program built with a newer toolkit must say that the driver is too old. Built as libcuda.so.1, in a folder
// of its own.
#include <cstring>

extern "C" {

int cuInit(unsigned) {
  return 0;
}
int cuDriverGetVersion(int* version) {
  *version = 12040;
  return 0;
}
int cuGetProcAddress(const char* name, void** function, int, unsigned long long) {
  constexpr int not_found = 500;
  *function = nullptr;
  if (std::strcmp(name, "cuInit") == 0) *function = reinterpret_cast<void*>(&cuInit);
  if (std::strcmp(name, "cuDriverGetVersion") == 0) *function = reinterpret_cast<void*>(&cuDriverGetVersion);
  return *function == nullptr ? not_found : 0;
}
}
