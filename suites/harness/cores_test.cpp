#include "suites/harness/cores.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <omp.h>
#include <sched.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <vector>

#include "suites/device/host/cpu.h"
#include "suites/harness/available_memory.h"
#include "suites/harness/launched_program.h"
#include "suites/harness/thread_binding.h"

namespace assay::bench {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

/// Two sockets of four cores, two hardware threads each, numbered as Linux usually does.
const std::vector<std::vector<int>> two_sockets = {{0, 8},  {1, 9},  {2, 10}, {3, 11},
                                                   {4, 12}, {5, 13}, {6, 14}, {7, 15}};

TEST(ChooseCpus, OnePerCoreAndEvenlySpread) {
  EXPECT_THAT(choose_cpus(two_sockets, 8, 0, 1), ElementsAre(0, 1, 2, 3, 4, 5, 6, 7));
  EXPECT_THAT(choose_cpus(two_sockets, 2, 0, 1), ElementsAre(0, 4));  // one on each socket
  EXPECT_THAT(choose_cpus(two_sockets, 4, 1, 2), ElementsAre(4, 5, 6, 7));
  EXPECT_THAT(choose_cpus(two_sockets, 1, 3, 4), ElementsAre(6));
}

TEST(ChooseCpus, SecondHardwareThreadsOnlyWhenAllCoresHaveOne) {
  EXPECT_THAT(choose_cpus(two_sockets, 6, 0, 2), ElementsAre(0, 1, 2, 3, 8, 9));
  EXPECT_THAT(choose_cpus(two_sockets, 9, 0, 2), IsEmpty());
  EXPECT_THAT(choose_cpus(two_sockets, 1, 0, 0), IsEmpty());
  EXPECT_THAT(choose_cpus({{0}, {1}}, 1, 1, 3), ElementsAre(0));
  EXPECT_THAT(choose_cpus({{0}, {1}}, 1, 0, 3), IsEmpty());  // three ranks on two cores
}

TEST(Cores, AreThoseOfTheUsableProcessors) {
  const std::vector<int> usable = device::usable_processors();
  std::vector<int> found;
  for (const auto& core : cores_of(usable)) {
    EXPECT_FALSE(core.empty());
    found.insert(found.end(), core.begin(), core.end());
  }
  std::sort(found.begin(), found.end());
  EXPECT_EQ(found, usable);
  EXPECT_EQ(cores_of({usable.front()}).size(), 1u);
}

TEST(Caches, GrowByLevel) {
  const int cpu = device::usable_processors().front();
  const Caches caches = caches_of(cpu);
  if (caches.l1_bytes > 0 && caches.l2_bytes > 0) {
    EXPECT_LT(caches.l1_bytes, caches.l2_bytes);
  }
  EXPECT_GE(caches.line_bytes, 16);
  if (caches.l3_bytes > 0) {
    EXPECT_EQ(last_level_cache_bytes_of({cpu}), caches.l3_bytes);
  }
}

TEST(ThreadBinding, PutsEachThreadOnACoreAndBack) {
  const std::vector<int> usable = device::usable_processors();
  const int threads = static_cast<int>(cores_of(usable).size());
  const ProcessGroup group;
  std::vector<int> before(static_cast<std::size_t>(threads)), after(before);
  const auto processors = [&](std::vector<int>& counts) {
#pragma omp parallel num_threads(threads)
    {
      cpu_set_t mask;
      sched_getaffinity(0, sizeof mask, &mask);
      counts[static_cast<std::size_t>(omp_get_thread_num())] = CPU_COUNT(&mask);
    }
  };
  processors(before);
  {
    const ThreadBinding binding(group, threads);
    std::vector<int> seen(static_cast<std::size_t>(threads));
#pragma omp parallel num_threads(threads)
    seen[static_cast<std::size_t>(omp_get_thread_num())] = sched_getcpu();
    if (omp_get_proc_bind() == omp_proc_bind_false) {
      EXPECT_EQ(seen, binding.cpus()) << binding.how();
      EXPECT_EQ(std::set<int>(seen.begin(), seen.end()).size(), seen.size());
    }
  }
  processors(after);
  EXPECT_EQ(after, before);
}

TEST(ThreadBinding, MoreThreadsThanProcessorsStayUnbound) {
  const int threads = static_cast<int>(device::usable_processors().size()) + 1;
  if (omp_get_proc_bind() != omp_proc_bind_false) return;
  const ThreadBinding binding(ProcessGroup(), threads);
  EXPECT_EQ(binding.cpus().size(), static_cast<std::size_t>(threads));
  EXPECT_THAT(binding.how(), testing::HasSubstr("unbound"));
}

class AvailableMemory : public testing::Test {
 protected:
  void write(const std::string& path, const std::string& text) {
    const auto file = root_ / path;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text;
  }
  std::uint64_t available() { return available_memory_bytes(root_ / ""); }
  ScratchFolder root_;
};

TEST_F(AvailableMemory, IsWhatTheKernelEstimates) {
  EXPECT_EQ(available(), 0u);  // not known
  write("proc/meminfo", "MemTotal:  1000 kB\nMemFree:  10 kB\nMemAvailable:  800 kB\n");
  EXPECT_EQ(available(), 800u * 1024);
}

TEST_F(AvailableMemory, AGroupOrOneAboveItMayAllowLess) {
  write("proc/meminfo", "MemAvailable:  800 kB\n");
  write("proc/self/cgroup", "0::/job/step\n");
  write("sys/fs/cgroup/job/step/memory.max", "max\n");
  write("sys/fs/cgroup/job/step/memory.current", "5000\n");
  EXPECT_EQ(available(), 800u * 1024);
  write("sys/fs/cgroup/job/memory.max", "100000\n");
  write("sys/fs/cgroup/job/memory.current", "60000\n");
  // Of the 60000 used, 20000 are page cache that is not shared memory.
  write("sys/fs/cgroup/job/memory.stat", "anon 30000\nfile 30000\nshmem 10000\n");
  EXPECT_EQ(available(), 60000u);
}

TEST_F(AvailableMemory, VersionOneGroupsCount) {
  write("proc/meminfo", "MemAvailable:  800 kB\n");
  write("proc/self/cgroup", "4:cpu,cpuacct:/x\n9:memory:/slurm/job\n");
  write("sys/fs/cgroup/memory/slurm/job/memory.limit_in_bytes", "50000\n");
  write("sys/fs/cgroup/memory/slurm/job/memory.usage_in_bytes", "70000\n");
  EXPECT_EQ(available(), 1u);  // nothing; 0 is not known
}

TEST_F(AvailableMemory, OfThisMachineIsKnown) {
  EXPECT_GT(available_memory_bytes(), 0u);
}

}  // namespace
}  // namespace assay::bench
