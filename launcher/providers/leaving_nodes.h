#pragma once

#include <string>
#include <vector>

#include "scheduler/snapshot.h"

// Which nodes leave a cluster that becomes smaller. Pure decisions over values.
namespace trireme::launcher {

// Those with the fewest ranks, of them the last. At most `count`, of nodes that live. Runs that follow the nodes do not
// count: every node has them.
[[nodiscard]] std::vector<std::string> nodes_to_remove(const ClusterSnapshot& snapshot, int count);

// "node3 leaves when r-0001 has ended; …", a line for each of `leaving` that is still there. Empty: all are gone. What
// follows the nodes ends by itself and is not named.
[[nodiscard]] std::string describe_leaving(const ClusterSnapshot& snapshot, const std::vector<std::string>& leaving);

}  // namespace trireme::launcher
