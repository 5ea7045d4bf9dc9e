#include "webhooks/addresses.hpp"

#include <gtest/gtest.h>

#include <string>

namespace countersign::webhooks {
namespace {

TEST(Addresses, AUrlIsRefusedBeforeAnythingIsLookedUp) {
    constexpr const char* refused[] = {"http://hooks.example.com/",
                                       "ftp://hooks.example.com/",
                                       "wss://hooks.example.com/",
                                       "file:///etc/passwd",
                                       "hooks.example.com",
                                       "https://user:pass@hooks.example.com/",
                                       "https://hooks.example.com#@10.0.0.1/",
                                       "https://hooks.example.com\\@10.0.0.1/",
                                       "https://127.0.0.1/",
                                       "https://10.0.0.1/",
                                       "https://[::1]/",
                                       "https://[::ffff:127.0.0.1]/",
                                       "https://[fe80::1%25eth0]/",
                                       "https://169.254.169.254/latest/meta-data/",
                                       "https://metadata.google.internal/",
                                       "https://metadata.google.internal./",
                                       "https://2130706433/",
                                       "https://0x7f.1/",
                                       "https://0x7f000001/",
                                       "https://017700000001/",
                                       "https://127.1/",
                                       "https://127.0.0.1./",
                                       "https://hooks.example.com:0/",
                                       "https://hooks.example.com:65536/",
                                       "https:///x",
                                       "https://hooks.exa mple.com/"};
    for (const char* url : refused) EXPECT_FALSE(destination(url, false)) << url;
    for (const char* url : {"https://hooks.example.com/a?b=c", "https://hooks.example.com:8443/",
                            "https://8.8.8.8/", "https://[2606:4700::1111]/"})
        EXPECT_TRUE(destination(url, false)) << url;
    EXPECT_FALSE(destination("https://h.example.com/" + std::string(2'000, 'a'), false));
}

TEST(Addresses, AnOperatorMayAllowTheHouseAndNobodyTheRest) {
    for (const char* url :
         {"http://127.0.0.1:8080/", "http://hooks.internal/", "https://10.0.0.1/", "http://[::1]:9000/"})
        EXPECT_TRUE(destination(url, true)) << url;
    for (const char* url :
         {"http://169.254.169.254/", "http://[fe80::1]/", "http://[fd00:ec2::254]/", "http://0.0.0.0/",
          "http://[::ffff:169.254.169.254]/", "http://metadata.google.internal/", "ws://127.0.0.1/"})
        EXPECT_FALSE(destination(url, true)) << url;
}

}  // namespace
}  // namespace countersign::webhooks
