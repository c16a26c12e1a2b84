#include "api/protocol_sniff.h"

#include <gtest/gtest.h>

namespace trireme::launcher {
namespace {

TEST(ProtocolSniff, TakesTheWholePrefaceForGrpc) { EXPECT_EQ(sniff(kHttp2Preface), Protocol::kGrpc); }

TEST(ProtocolSniff, TakesThePrefaceWithFramesBehindItForGrpc) {
  EXPECT_EQ(sniff(std::string(kHttp2Preface) + std::string(9, '\0')), Protocol::kGrpc);
}

TEST(ProtocolSniff, IsUndecidedAboutEveryBeginningOfThePreface) {
  for (std::size_t length = 1; length < kHttp2Preface.size(); ++length) {
    EXPECT_EQ(sniff(kHttp2Preface.substr(0, length)), Protocol::kUndecided) << length;
  }
}

TEST(ProtocolSniff, TakesMethodsForHttp) {
  for (const char* line : {"G", "GET / HTTP/1.1", "POST /x", "PUT /", "PRIVATE / HTTP/1.1", "get /"}) {
    EXPECT_EQ(sniff(line), Protocol::kHttp) << line;
  }
}

TEST(ProtocolSniff, KnowsAClientHelloByItsFirstByte) {
  EXPECT_EQ(sniff(std::string("\x16\x03\x01\x02", 4)), Protocol::kTls);
  EXPECT_EQ(sniff("\x16"), Protocol::kTls);
}

TEST(ProtocolSniff, RejectsBinaryBytes) {
  for (const std::string& bytes : {std::string(8, '\0'), std::string("\xff\xfe"), std::string(" GET")}) {
    EXPECT_EQ(sniff(bytes), Protocol::kUnknown);
  }
}

}  // namespace
}  // namespace trireme::launcher
