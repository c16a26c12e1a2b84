#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include <fstream>
#include <sstream>

#include "agent/child_process.h"
#include "cli/exit_codes.h"
#include "support/machine_tree.h"

// The built binary, as a user types it, on machines that are folders.
namespace trireme::launcher {
namespace {

using testing::HasSubstr;

CommandOutput launch(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), LAUNCHER_BINARY);
  return run_command(arguments);
}

TEST(TopoCommand, DrawsAMachineAsTextJsonAndPicture) {
  const test::MachineFolder machine("azure-nd96asr-v4");
  const auto root = machine.path().string();
  const auto text = launch({"topo", "--sysfs-root", root});
  EXPECT_EQ(text.code, 0);
  EXPECT_THAT(text.standard_output, HasSubstr("NCCL_IB_HCA==mlx5_ib0,mlx5_ib1"));
  const auto json = launch({"topo", "--json", "--sysfs-root", root});
  EXPECT_EQ(nlohmann::json::parse(json.standard_output).at("cores"), 96);
  const auto picture = machine.path() / "machine.svg";
  EXPECT_EQ(launch({"topo", "--svg", picture.string(), "--sysfs-root", root}).code, 0);
  std::ostringstream svg;
  svg << std::ifstream(picture).rdbuf();
  EXPECT_THAT(svg.str(), HasSubstr("</svg>"));
}

TEST(TopoCommand, WritesADescriptionForNccl) {
  const test::MachineFolder machine("azure-nd96isr-h100-v5");
  const auto file = machine.path() / "topo.xml";
  EXPECT_EQ(launch({"topo", "--nccl-topo", file.string(), "--sysfs-root", machine.path().string()}).code, 0);
  std::ostringstream xml;
  xml << std::ifstream(file).rdbuf();
  EXPECT_THAT(xml.str(), HasSubstr("<system version=\"1\">"));
}

TEST(TopoCommand, ExplainsWhatItCannotDo) {
  EXPECT_EQ(launch({"topo", "--svg", "/no/such/folder/machine.svg"}).code, kNoResource);
  EXPECT_EQ(launch({"topo", "--sysfs-root", "/no/such/folder"}).code, kBadInput);
  EXPECT_EQ(launch({"topo", "--ranks", "0"}).code, kBadInput);
  const test::MachineFolder machine("azure-d4s-v5-synthetic");
  EXPECT_EQ(launch({"topo", "--nccl-topo", "x.xml", "--sysfs-root", machine.path().string()}).code, kNoResource);
}

TEST(DoctorCommand, ReturnsWhetherSomethingIsWrong) {
  const test::MachineFolder fine("azure-nd96isr-h100-v5");
  const auto well = launch({"doctor", "--json", "--sysfs-root", fine.path().string()});
  EXPECT_EQ(well.code, 0);
  EXPECT_TRUE(nlohmann::json::parse(well.standard_output).at("ok").get<bool>());
  const test::MachineFolder slow("azure-d4s-v5-synthetic");
  const auto ill = launch({"doctor", "--sysfs-root", slow.path().string()});
  EXPECT_EQ(ill.code, kFailed);
  EXPECT_THAT(ill.standard_output, HasSubstr("WARN  accelerated networking"));
  EXPECT_THAT(ill.standard_output, HasSubstr("az network nic update"));
}

TEST(DoctorCommand, LooksAtThisMachine) {
  const auto output = launch({"doctor", "--json"});
  const auto findings = nlohmann::json::parse(output.standard_output);
  EXPECT_EQ(output.code, findings.at("ok").get<bool>() ? 0 : 1);
  EXPECT_EQ(findings.at("findings").size(), 20U);
}

TEST(DoctorCommand, RefusesWhatItCannotTry) {
  EXPECT_EQ(launch({"doctor", "--port-range", "9000-8000"}).code, kBadInput);
  EXPECT_EQ(launch({"doctor", "--port-range", "many"}).code, kBadInput);
  EXPECT_EQ(launch({"doctor", "--connect", "10.0.0.5"}).code, kBadInput);
  EXPECT_EQ(launch({"doctor", "--program", "./absent"}).code, kBadInput);
}

}  // namespace
}  // namespace trireme::launcher
