#include "trireme/topology/gpu_inventory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "support/temporary_folder.h"

namespace trireme::topology {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// The files of a machine, below a folder of the test's own.
class Machine {
 public:
  [[nodiscard]] GpuInventory inspect() const { return inspect_gpus(root_.path()); }

  Machine& pci_device(const std::string& address, const std::string& vendor, const std::string& kind,
                      const std::string& numa_node = "-1") {
    const std::string device = "sys/bus/pci/devices/" + address + "/";
    root_.write(device + "vendor", vendor + "\n");
    root_.write(device + "class", kind + "\n");
    root_.write(device + "numa_node", numa_node + "\n");
    return *this;
  }
  Machine& driver_gpu(const std::string& address, int minor) {
    root_.write("proc/driver/nvidia/gpus/" + address + "/information",
                "Model: \t\t NVIDIA H200\nIRQ:   \t\t 199\nGPU UUID: \t GPU-0a1b\nBus Location: \t " + address +
                    "\nDevice Minor: \t " + std::to_string(minor) + "\nGPU Excluded:\t No\n");
    return *this;
  }
  Machine& file(const std::string& path, const std::string& text = "") {
    root_.write(path, text);
    return *this;
  }

 private:
  test::TemporaryFolder root_;
};

TEST(GpuInventory, FindsNothingOnAnEmptyMachineAndSaysWhereItLooked) {
  const auto inventory = Machine().inspect();
  EXPECT_THAT(inventory.gpus, IsEmpty());
  EXPECT_EQ(inventory.usable_gpus(), 0);
  EXPECT_THAT(inventory.looked_at, ElementsAre(SearchedPlace{"/proc/driver/nvidia/gpus",
                                                             "not there: the NVIDIA kernel driver is not loaded"},
                                               SearchedPlace{"/dev/nvidia[0-9]*", "no such device file"},
                                               SearchedPlace{"/sys/bus/pci/devices", "no PCI device at all"}));
}

TEST(GpuInventory, PutsDriverDeviceFileAndBusTogether) {
  const auto inventory = Machine()
                             .pci_device("0000:3b:00.0", "0x10de", "0x030200", "1")
                             .driver_gpu("0000:3b:00.0", 0)
                             .file("dev/nvidia0")
                             .inspect();
  EXPECT_THAT(inventory.gpus, ElementsAre(Gpu{.pci_address = "0000:3b:00.0",
                                              .model = "NVIDIA H200",
                                              .uuid = "GPU-0a1b",
                                              .device_minor = 0,
                                              .numa_node = 1}));
  EXPECT_EQ(inventory.usable_gpus(), 1);
  EXPECT_THAT(inventory.looked_at, ElementsAre(SearchedPlace{"/proc/driver/nvidia/gpus", "0000:3b:00.0 NVIDIA H200"},
                                               SearchedPlace{"/dev/nvidia[0-9]*", "nvidia0"},
                                               SearchedPlace{"/sys/bus/pci/devices", "0000:3b:00.0"}));
}

TEST(GpuInventory, PairsDeviceFilesByTheDriversMinor) {
  const auto inventory = Machine()
                             .driver_gpu("0000:3b:00.0", 1)
                             .driver_gpu("0000:5e:00.0", 0)
                             .file("dev/nvidia0")
                             .file("dev/nvidia1")
                             .inspect();
  ASSERT_EQ(inventory.gpus.size(), 2U);
  EXPECT_EQ(inventory.gpus[0].device_minor, 1);
  EXPECT_EQ(inventory.gpus[1].device_minor, 0);
}

TEST(GpuInventory, DoesNotCallAGpuUsableWithoutADriver) {
  const auto inventory = Machine().pci_device("0000:3b:00.0", "0x10de", "0x030000").inspect();
  ASSERT_EQ(inventory.gpus.size(), 1U);
  EXPECT_FALSE(inventory.gpus[0].is_usable());
  EXPECT_EQ(inventory.gpus[0].numa_node, std::nullopt);
  EXPECT_THAT(inventory.looked_at[0].found, HasSubstr("not loaded"));
}

TEST(GpuInventory, CountsOnlyTheDeviceFilesThatAContainerShows) {
  const auto inventory =
      Machine().driver_gpu("0000:3b:00.0", 0).driver_gpu("0000:5e:00.0", 1).file("dev/nvidia1").inspect();
  EXPECT_EQ(inventory.gpus.size(), 2U);
  EXPECT_EQ(inventory.usable_gpus(), 1);
  EXPECT_FALSE(inventory.gpus[0].is_usable());
}

TEST(GpuInventory, TakesDeviceFilesAloneForGpus) {
  const auto inventory = Machine().file("dev/nvidia0").file("dev/nvidia1").inspect();
  EXPECT_EQ(inventory.usable_gpus(), 2);
  EXPECT_EQ(inventory.gpus[0].pci_address, "");
}

TEST(GpuInventory, GivesDeviceFilesToTheBusWhereTheDriversFolderIsHidden) {
  const auto inventory =
      Machine().pci_device("0000:3b:00.0", "0x10de", "0x030200").file("dev/nvidia0").file("dev/nvidia1").inspect();
  ASSERT_EQ(inventory.gpus.size(), 2U);
  EXPECT_EQ(inventory.gpus[0].pci_address, "0000:3b:00.0");
  EXPECT_EQ(inventory.usable_gpus(), 2);
}

TEST(GpuInventory, IsNotMisledByOtherDevices) {
  const auto inventory = Machine()
                             .pci_device("0000:00:02.0", "0x8086", "0x030000")
                             .pci_device("0000:3b:00.1", "0x10de", "0x040300")
                             .file("dev/nvidiactl")
                             .file("dev/nvidia-uvm")
                             .file("dev/nvidia0x")
                             .inspect();
  EXPECT_THAT(inventory.gpus, IsEmpty());
  EXPECT_THAT(inventory.looked_at[2].found, HasSubstr("2 devices, no display or 3D controller of NVIDIA"));
}

TEST(GpuInventory, SurvivesTornFiles) {
  const auto inventory = Machine()
                             .file("proc/driver/nvidia/gpus/0000:3b:00.0/information", "Model\nDevice Minor: x\n:\n\n")
                             .file("sys/bus/pci/devices/0000:3b:00.0/vendor", "")
                             .file("dev/nvidia99999999999999999999")
                             .inspect();
  ASSERT_EQ(inventory.gpus.size(), 1U);
  EXPECT_FALSE(inventory.gpus[0].is_usable());
  EXPECT_EQ(inventory.gpus[0].model, "");
}

TEST(GpuInventory, ReadsThisMachineWithoutThrowing) { EXPECT_EQ(inspect_gpus().looked_at.size(), 3U); }

}  // namespace
}  // namespace trireme::topology
