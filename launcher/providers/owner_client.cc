#include "providers/owner_client.h"

#include "access/access_folder.h"
#include "access/client_access.h"

namespace trireme::launcher {

SchedulerClient connect_as_owner(const ClusterRecord& record) {
  if (record.certificate.empty()) return SchedulerClient(http_address(record));
  const AccessFiles files(state_folder(record.name));
  return SchedulerClient(http_address(record), client_access(record.certificate, files.admin_token));
}

}  // namespace trireme::launcher
