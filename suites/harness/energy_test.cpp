// Energy counters on fake trees: which are counted, wrap-around, and what cannot be read.
#include "suites/harness/energy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "suites/harness/group_energy.h"
#include "suites/harness/launched_program.h"

namespace assay::bench {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class Energy : public testing::Test {
 protected:
  void put(const std::string& path, const std::string& content) {
    fs::create_directories((root() / path).parent_path());
    std::ofstream(root() / path) << content << "\n";
  }
  void put_zone(const std::string& zone, const std::string& name, const std::string& energy_uj) {
    put("sys/class/powercap/" + zone + "/name", name);
    put("sys/class/powercap/" + zone + "/energy_uj", energy_uj);
    put("sys/class/powercap/" + zone + "/max_energy_range_uj", "1000000");
  }
  fs::path root() const { return folder_ / "."; }

 private:
  ScratchFolder folder_;
};

TEST_F(Energy, WithoutACounterThereIsAReason) {
  EnergyMeter meter(root());
  meter.start();
  meter.read();
  EXPECT_FALSE(meter.joules());
  EXPECT_EQ(meter.source(), "");
  EXPECT_THAT(meter.why_none(), HasSubstr("there is no powercap, amd_energy or Cray counter"));
}

TEST_F(Energy, PackagesAndTheirMemoryAreCountedOnce) {
  put("sys/class/powercap/intel-rapl/enabled", "1");
  put_zone("intel-rapl:0", "package-0", "100");
  put_zone("intel-rapl:0:0", "core", "50");
  put_zone("intel-rapl:0:1", "dram", "7");
  put_zone("intel-rapl:1", "package-1", "200");
  put_zone("intel-rapl:2", "psys", "900");
  put_zone("intel-rapl-mmio:0", "package-0", "100");
  EnergyMeter meter(root());
  EXPECT_EQ(meter.source(), "RAPL: package-0, dram of package-0, package-1");
  EXPECT_EQ(meter.why_none(), "");
  EXPECT_FALSE(meter.joules());  // not started
  meter.start();
  put_zone("intel-rapl:0", "package-0", "500100");
  put_zone("intel-rapl:0:0", "core", "400050");
  put_zone("intel-rapl:0:1", "dram", "20007");
  put_zone("intel-rapl:1", "package-1", "300200");
  put_zone("intel-rapl:2", "psys", "990000");
  meter.read();
  ASSERT_TRUE(meter.joules());
  EXPECT_DOUBLE_EQ(*meter.joules(), 0.5 + 0.02 + 0.3);
}

TEST_F(Energy, ACounterThatWrapsAroundGoesOn) {
  EXPECT_EQ(counted(5, 9, 10), 4u);
  EXPECT_EQ(counted(5, 5, 10), 0u);
  EXPECT_EQ(counted(9, 2, 10), 3u);  // 10 - 9, and 2
  EXPECT_FALSE(counted(9, 2, 0));    // one that has no range went back: set to zero, or another counter
  EXPECT_FALSE(counted(11, 2, 10));
  put_zone("intel-rapl:0", "package-0", "900000");
  EnergyMeter meter(root());
  meter.start();
  for (const std::string now : {"400000", "950000", "50000"}) {
    put_zone("intel-rapl:0", "package-0", now);
    meter.read();
  }
  ASSERT_TRUE(meter.joules());
  EXPECT_DOUBLE_EQ(*meter.joules(), 0.5 + 0.55 + 0.1);
}

TEST_F(Energy, AReadingThatFailsIsNotZero) {
  put_zone("intel-rapl:0", "package-0", "10");
  EnergyMeter meter(root());
  meter.start();
  put_zone("intel-rapl:0", "package-0", "");
  meter.read();
  EXPECT_FALSE(meter.joules());
  put_zone("intel-rapl:0", "package-0", "20");
  meter.read();
  EXPECT_FALSE(meter.joules());  // what happened meanwhile is not known
  meter.start();
  put_zone("intel-rapl:0", "package-0", "30");
  meter.read();
  EXPECT_TRUE(meter.joules());
}

TEST_F(Energy, PartOfANodeIsNotTheNode) {
  put_zone("intel-rapl:0", "package-0", "10");
  put_zone("intel-rapl:1", "package-1", "secret");
  const EnergyCounters found = find_energy_counters(root());
  EXPECT_TRUE(found.counters.empty());
  EXPECT_THAT(found.why_none, HasSubstr("intel-rapl:1/energy_uj holds no number"));
  fs::remove(root() / "sys/class/powercap/intel-rapl:1/energy_uj");
  EXPECT_THAT(find_energy_counters(root()).why_none, HasSubstr("No such file"));
}

TEST_F(Energy, SocketsOfAnAmdProcessor) {
  put("sys/class/hwmon/hwmon0/name", "nvme");
  put("sys/class/hwmon/hwmon3/name", "amd_energy");
  put("sys/class/hwmon/hwmon3/energy1_label", "Ecore000");
  put("sys/class/hwmon/hwmon3/energy1_input", "3");
  put("sys/class/hwmon/hwmon3/energy2_label", "Esocket0");
  put("sys/class/hwmon/hwmon3/energy2_input", "1000000");
  EnergyMeter meter(root());
  EXPECT_EQ(meter.source(), "amd_energy: Esocket0");
  meter.start();
  put("sys/class/hwmon/hwmon3/energy2_input", "3500000");
  meter.read();
  ASSERT_TRUE(meter.joules());
  EXPECT_DOUBLE_EQ(*meter.joules(), 2.5);
}

TEST_F(Energy, OfAGroupIsReadByTheFirstRankOfANode) {
  const ProcessGroup alone;
  GroupEnergy none(alone, root());
  none.start(1);
  none.read(2);
  none.gather();
  EXPECT_FALSE(none.joules());
  EXPECT_THAT(none.words(), HasSubstr("no readable energy counter: localhost: there is no powercap"));
  put_zone("intel-rapl:0", "package-0", "100000");
  GroupEnergy energy(alone, root());
  energy.start(10);
  put_zone("intel-rapl:0", "package-0", "600000");
  energy.read(12);
  put_zone("intel-rapl:0", "package-0", "100000");
  energy.read(14);
  energy.gather();
  ASSERT_TRUE(energy.joules());
  EXPECT_DOUBLE_EQ(*energy.joules(), 1.0);
  EXPECT_DOUBLE_EQ(energy.elapsed_s(), 4);
  EXPECT_EQ(energy.words(), "RAPL: package-0");
}

EnergyShare node_share(const std::string& node, std::optional<double> joules,
                       const std::string& source = "RAPL: package-0") {
  EnergyShare share;
  share.node = node;
  share.reads_node = true;
  share.node_j = joules;
  share.source = source;
  return share;
}

EnergyShare on_gpu(EnergyShare share, const std::string& device, std::optional<double> joules) {
  share.device = device;
  share.device_j = joules;
  return share;
}

EnergyShare beside(const std::string& node) {
  EnergyShare share;
  share.node = node;
  return share;
}

TEST(EnergyOfAGroup, GpusCountBesideTheirNodesAndOnce) {
  const GroupJoules sum = add_up({on_gpu(node_share("n1", 100), "A", 700), on_gpu(beside("n1"), "B", 650),
                                  on_gpu(beside("n1"), "B", 650),             // two ranks on one GPU
                                  on_gpu(node_share("n2", 110), "A", 600)});  // another node's "A"
  EXPECT_EQ(sum.joules, 100 + 700 + 650 + 110 + 600);
  EXPECT_EQ(sum.words, "3 GPUs, each by its own counter; beside them RAPL: package-0");
}

TEST(EnergyOfAGroup, ACounterOfTheWholeNodeHasItsGpus) {
  EnergyShare first = node_share("n1", 900, "Cray pm_counters: node");
  first.node_has_devices = true;
  EXPECT_EQ(add_up({on_gpu(first, "A", 700), on_gpu(beside("n1"), "B", std::nullopt)}).joules, 900);
  EXPECT_EQ(add_up({on_gpu(first, "A", 700)}).words, "1 GPU within Cray pm_counters: node");
  // The other node's counter cannot be read: then both nodes are their GPUs.
  const GroupJoules sum = add_up({on_gpu(first, "A", 700), on_gpu(node_share("n2", {}, "refused"), "A", 50)});
  EXPECT_EQ(sum.joules, 750);
  EXPECT_EQ(sum.words,
            "2 GPUs, each by its own counter; processors and all else are not included: n2: refused");
}

TEST(EnergyOfAGroup, AGpuWithoutACounterLeavesNoSum) {
  const GroupJoules sum =
      add_up({on_gpu(node_share("n1", 100), "A", 700), on_gpu(beside("n1"), "B", std::nullopt)});
  EXPECT_FALSE(sum.joules);
  EXPECT_EQ(sum.words, "no readable energy counter of GPUs: n1: B");
}

TEST(EnergyOfAGroup, WithoutGpusEveryNodeMustCount) {
  EXPECT_EQ(add_up({node_share("n1", 100), beside("n1"), node_share("n2", 20)}).joules, 120);
  const GroupJoules sum = add_up({node_share("n1", 100), node_share("n2", {}, "refused")});
  EXPECT_FALSE(sum.joules);
  EXPECT_EQ(sum.words, "no readable energy counter: n2: refused");
}

TEST_F(Energy, ACounterOfTheWholeNodeComesFirst) {
  put_zone("intel-rapl:0", "package-0", "10");
  put("sys/cray/pm_counters/energy", "5184 J 1700000000 us");
  EnergyMeter meter(root());
  EXPECT_EQ(meter.source(), "Cray pm_counters: node");
  meter.start();
  put("sys/cray/pm_counters/energy", "5190 J 1700000001 us");
  meter.read();
  EXPECT_EQ(meter.joules(), 6.0);
}

}  // namespace
}  // namespace assay::bench
