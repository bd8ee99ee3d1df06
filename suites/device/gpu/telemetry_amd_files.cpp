#include <algorithm>
#include <cctype>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <mutex>
#include <utility>

#include "suites/device/gpu/telemetry_sources.h"

namespace assay::gpu {

namespace fs = std::filesystem;

namespace {

/// Little-endian, as the kernel of every machine with such a GPU writes it.
std::uint64_t unsigned_at(std::string_view bytes, std::size_t at, std::size_t length) {
  std::uint64_t value = 0;
  for (std::size_t i = length; i-- > 0;) value = value << 8 | static_cast<unsigned char>(bytes[at + i]);
  return value;
}

/// Where a revision of the kernel's gpu_metrics_v1_N (kgd_pp_interface.h) has what is read; 0: it has not.
struct Layout {
  unsigned revision;
  std::size_t size;  ///< at least
  bool exact;        ///< `size` is the whole table's
  std::size_t hotspot, memory, power;
  std::size_t energy;
  std::size_t throttle_bits;  ///< the bits that mean the same on all GPUs
  std::size_t residencies;    ///< five counts of cycles
};
constexpr Layout layouts[] = {{3, 120, true, 6, 8, 22, 24, 112, 0}, {4, 48, false, 4, 6, 10, 24, 0, 0},
                              {5, 112, false, 4, 6, 10, 88, 0, 0},  {6, 56, false, 4, 6, 10, 16, 0, 36},
                              {7, 64, false, 4, 6, 10, 24, 0, 44},  {8, 64, false, 4, 6, 10, 24, 0, 44}};
constexpr const char* residency_reasons[] = {"hardware slowdown", "power cap", "temperature",
                                             "temperature of voltage regulators", "temperature of memory"};

std::vector<std::string> amd_throttle_words(std::uint64_t bits) {
  constexpr std::pair<std::uint64_t, const char*> known[] = {
      {0xffULL, "power cap"},
      {0xffULL << 16, "current limit"},
      {0x3ULL << 32 | 0x7ULL << 35 | 0x3ULL << 42, "temperature"},
      {1ULL << 34, "temperature of memory"},
      {0xfULL << 38 | 0x3ULL << 44, "temperature of voltage regulators"},
      {0x3ULL << 46, "hardware slowdown"}};
  std::vector<std::string> words;
  for (const auto& [mask, word] : known)
    if ((bits & mask) != 0) words.emplace_back(word);
  return words;
}

}  // namespace

AmdMetrics parse_amd_metrics(std::string_view bytes) {
  AmdMetrics metrics;
  if (bytes.size() < 4) return metrics;
  const std::size_t size = unsigned_at(bytes, 0, 2);
  if (size != bytes.size() || unsigned_at(bytes, 2, 1) != 1) return metrics;
  const auto layout = std::find_if(std::begin(layouts), std::end(layouts), [&](const Layout& one) {
    return one.revision == unsigned_at(bytes, 3, 1);
  });
  if (layout == std::end(layouts) || (layout->exact ? size != layout->size : size < layout->size))
    return metrics;
  metrics.known = true;
  // All bits set: this GPU does not tell.
  const auto number = [&](std::size_t at, std::size_t length, double unit) -> std::optional<double> {
    const std::uint64_t value = unsigned_at(bytes, at, length);
    if (value == (length == 8 ? ~std::uint64_t{0} : (std::uint64_t{1} << 8 * length) - 1))
      return std::nullopt;
    return static_cast<double>(value) * unit;
  };
  metrics.temperature_c = number(layout->hotspot, 2, 1);
  metrics.memory_temperature_c = number(layout->memory, 2, 1);
  metrics.power_w = number(layout->power, 2, 1);
  metrics.energy_j = number(layout->energy, 8, 1.0 / 65536);
  if (metrics.energy_j == 0.0) metrics.energy_j.reset();  // a GPU without the counter
  if (layout->throttle_bits != 0 && number(layout->throttle_bits, 8, 1))
    metrics.throttled_by = amd_throttle_words(unsigned_at(bytes, layout->throttle_bits, 8));
  for (std::size_t i = 0; layout->residencies != 0 && i < std::size(residency_reasons); ++i) {
    const std::size_t at = layout->residencies + 4 * i;
    if (number(at, 4, 1))
      metrics.residencies.push_back(
          {residency_reasons[i], static_cast<std::uint32_t>(unsigned_at(bytes, at, 4))});
  }
  return metrics;
}

namespace {

std::optional<double> number_in(const fs::path& file, double unit) {
  std::ifstream stream(file);
  double value = 0;
  if (!(stream >> value)) return std::nullopt;
  return value * unit;
}

std::string word_in(const fs::path& file) {
  std::ifstream stream(file);
  std::string word;
  stream >> word;
  return word;
}

/// "ue: 0\nce: 3"
std::optional<std::uint64_t> count_in(const fs::path& file, const std::string& name) {
  std::ifstream stream(file);
  std::string word;
  std::uint64_t count = 0;
  while (stream >> word)
    if (word == name + ":" && stream >> count) return count;
  return std::nullopt;
}

/// What the driver calls this GPU in sys/class/kfd; empty: it is not there.
std::string kfd_number(const std::string& pci_address, const fs::path& root) {
  unsigned domain = 0, bus = 0, device = 0, function = 0;
  if (std::sscanf(pci_address.c_str(), "%x:%x:%x.%x", &domain, &bus, &device, &function) != 4) return {};
  const std::uint64_t place = bus << 8 | device << 3 | function;
  std::error_code ignored;
  for (const auto& node : fs::directory_iterator(root / "sys/class/kfd/kfd/topology/nodes", ignored)) {
    std::ifstream properties(node.path() / "properties");
    std::string name;
    std::uint64_t value = 0, found_place = ~std::uint64_t{0}, found_domain = 0;
    while (properties >> name >> value) {
      if (name == "location_id") found_place = value;
      if (name == "domain") found_domain = value;
    }
    const std::string number = word_in(node.path() / "gpu_id");
    if (found_place == place && found_domain == domain && !number.empty() && number != "0") return number;
  }
  return {};
}

/// The amdgpu driver's files: hwmon's units are its documentation's (microwatts, thousandths of a degree,
/// Hz).
class AmdFiles final : public Telemetry {
 public:
  AmdFiles(fs::path device, fs::path hwmon, fs::path root, std::string number)
      : device_(std::move(device)),
        hwmon_(std::move(hwmon)),
        root_(std::move(root)),
        number_(std::move(number)) {}

  device::Reading read() override {
    device::Reading reading;
    reading.clock_hz = number_in(hwmon_ / "freq1_input", 1);
    reading.memory_clock_hz = number_in(hwmon_ / "freq2_input", 1);
    reading.power_w = number_in(hwmon_ / "power1_average", 1e-6);
    if (!reading.power_w) reading.power_w = number_in(hwmon_ / "power1_input", 1e-6);
    reading.temperature_c = number_in(hwmon_ / "temp2_input", 1e-3);  // the hottest spot
    if (!reading.temperature_c) reading.temperature_c = number_in(hwmon_ / "temp1_input", 1e-3);
    reading.memory_temperature_c = number_in(hwmon_ / "temp3_input", 1e-3);
    reading.corrected_errors = count_in(device_ / "ras/umc_err_count", "ce");
    reading.uncorrected_errors = count_in(device_ / "ras/umc_err_count", "ue");
    if (const auto replays = number_in(device_ / "pcie_replay_count", 1); replays && *replays >= 0)
      reading.link_replays = static_cast<std::uint64_t>(*replays);
    reading.retired_memory = bad_pages();
    add_metrics(reading);
    return reading;
  }

  std::string uuid() override { return word_in(device_ / "unique_id"); }
  std::string driver() override { return word_in(root_ / "sys/module/amdgpu/version"); }

  /// Those that hold memory of this GPU. Every process that starts the runtime is listed for all GPUs, with
  /// little or none.
  std::optional<int> processes() override {
    constexpr double least_bytes = 64.0 * (1 << 20);
    const fs::path folder = root_ / "sys/class/kfd/kfd/proc";
    std::error_code ignored;
    if (number_.empty() || !fs::is_directory(folder, ignored)) return std::nullopt;
    int count = 0;
    for (const auto& process : fs::directory_iterator(folder, ignored))
      if (number_in(process.path() / ("vram_" + number_), 1).value_or(0) >= least_bytes) ++count;
    return count;
  }

 private:
  std::optional<std::uint64_t> bad_pages() const {
    std::ifstream file(device_ / "ras/gpu_vram_bad_pages");
    if (!file) return std::nullopt;
    std::uint64_t pages = 0;
    for (std::string line; std::getline(file, line);) pages += line.rfind("0x", 0) == 0 ? 1 : 0;
    return pages;
  }

  void add_metrics(device::Reading& reading) {
    std::ifstream file(device_ / "gpu_metrics", std::ios::binary);
    const std::string bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    const AmdMetrics metrics = parse_amd_metrics(bytes);
    reading.energy_j = metrics.energy_j;
    if (!reading.power_w) reading.power_w = metrics.power_w;
    if (!reading.temperature_c) reading.temperature_c = metrics.temperature_c;
    if (!reading.memory_temperature_c) reading.memory_temperature_c = metrics.memory_temperature_c;
    reading.throttled_by = metrics.throttled_by;
    if (metrics.residencies.empty()) return;
    const std::lock_guard lock(mutex_);
    if (!before_.empty()) {
      std::vector<std::string> rising;
      for (const AmdMetrics::Residency& now : metrics.residencies)
        for (const AmdMetrics::Residency& before : before_)
          if (now.reason == before.reason && now.cycles != before.cycles) rising.emplace_back(now.reason);
      reading.throttled_by = std::move(rising);
    }
    before_ = metrics.residencies;
  }

  fs::path device_, hwmon_, root_;
  std::string number_;
  std::mutex mutex_;
  std::vector<AmdMetrics::Residency> before_;
};

}  // namespace

std::unique_ptr<Telemetry> open_amd_files(const std::string& pci_address, const fs::path& root) {
  const fs::path device = root / "sys/bus/pci/devices" / pci_address;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(device / "hwmon", ignored))
    for (const char* sensor : {"temp1_input", "temp2_input"})  // MI300 has no sensor at the edge
      if (fs::exists(entry.path() / sensor, ignored))
        return std::make_unique<AmdFiles>(device, entry.path(), root, kfd_number(pci_address, root));
  return nullptr;
}

}  // namespace assay::gpu
