#include "dask/wire/handshake.h"

namespace trireme::launcher::dask {

Outgoing handshake() {
  MessageWriter writer;
  writer.map(3).text("compression").nil();
  writer.text("python").array(3).integer(3).integer(11).integer(0).text("pickle-protocol").integer(5);
  return writer.finish();
}

bool is_handshake(const Object& message) { return find(message, "compression") && find(message, "pickle-protocol"); }

}  // namespace trireme::launcher::dask
