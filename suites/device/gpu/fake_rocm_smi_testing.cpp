// For tests: AMD's management library of two GPUs, the second at 0000:c1:00.0, telling known numbers of it.
// Built as a shared object of its own; with ASSAY_OTHER_LAYOUT its counts of errors are another structure.
#include <cstdint>

extern "C" {

int rsmi_init(std::uint64_t) {
  return 0;
}
int rsmi_num_monitor_devices(std::uint32_t* count) {
  *count = 2;
  return 0;
}
int rsmi_dev_pci_id_get(std::uint32_t device, std::uint64_t* id) {
  *id = device == 1 ? 0xc100 : 0x100;
  return 0;
}
int rsmi_dev_power_get(std::uint32_t, std::uint64_t* microwatts, int*) {
  *microwatts = 1;
  return 2;  // "not supported"
}
int rsmi_dev_power_ave_get(std::uint32_t device, std::uint32_t, std::uint64_t* microwatts) {
  *microwatts = device == 1 ? 612500000 : 90000000;
  return 0;
}
int rsmi_dev_energy_count_get(std::uint32_t, std::uint64_t* count, float* unit, std::uint64_t*) {
  *count = 65536ull * 1000;
  *unit = 15.3f;
  return 0;
}
int rsmi_dev_temp_metric_get(std::uint32_t, std::uint32_t sensor, int, std::int64_t* thousandths) {
  *thousandths = sensor == 1 ? 81000 : 74000;
  return sensor <= 2 ? 0 : 2;
}
int rsmi_dev_ecc_count_get(std::uint32_t, int block, std::uint64_t* counts) {
  if (block != 1) return 2;
  counts[0] = 5;
  counts[1] = 1;
#ifdef ASSAY_OTHER_LAYOUT
  counts[2] = 0;  // deferred errors
#endif
  return 0;
}
int rsmi_dev_pci_replay_counter_get(std::uint32_t, std::uint64_t* count) {
  *count = 3;
  return 0;
}
int rsmi_dev_unique_id_get(std::uint32_t, std::uint64_t* id) {
  *id = 0xa1b2c3d4e5f60718;
  return 0;
}
}
