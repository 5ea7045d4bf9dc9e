#include "pg/durability.hpp"

#include <gtest/gtest.h>

#include "pg/uri.hpp"

namespace countersign::pg {
namespace {

Durability promised(std::string commit, std::string standbys, bool several, bool fsync = true) {
    return {.synchronous_commit = std::move(commit),
            .synchronous_standby_names = std::move(standbys),
            .fsync = fsync,
            .several_hosts = several};
}

TEST(Durability, OneHostThatFlushesPromisesWhatItAcknowledges) {
    for (const char* commit : {"on", "local", "remote_write", "remote_apply"})
        EXPECT_EQ(durability_warning(promised(commit, "", false)), "") << commit;
    EXPECT_NE(durability_warning(promised("off", "", false)).find("synchronous_commit is off"),
              std::string::npos);
    EXPECT_NE(durability_warning(promised("on", "", false, false)).find("fsync is off"), std::string::npos);
    auto torn = promised("on", "", false);
    torn.full_page_writes = false;
    EXPECT_NE(durability_warning(torn).find("full_page_writes is off"), std::string::npos);
}

TEST(Durability, SeveralHostsNeedAStandbyThatIsWaitedFor) {
    for (const char* commit : {"on", "remote_write", "remote_apply"}) {
        EXPECT_NE(durability_warning(promised(commit, "", true)).find("synchronous_standby_names is empty"),
                  std::string::npos)
            << commit;
        EXPECT_EQ(durability_warning(promised(commit, "ANY 1 (a, b)", true)), "") << commit;
    }
    EXPECT_NE(durability_warning(promised("local", "a", true)).find("synchronous_commit is local"),
              std::string::npos);
    EXPECT_NE(durability_warning(promised("off", "a", true)).find("after a crash"), std::string::npos);
}

TEST(Durability, WhatTheDatabaseAloneBreaksIsToldFromWhatItTakesAStandbyFor) {
    for (const auto& its : {promised("off", "a", true), promised("on", "a", true, false)}) {
        auto gap = durability_gap(its);
        ASSERT_TRUE(gap);
        EXPECT_TRUE(gap->by_crash) << gap->because;
        EXPECT_EQ(gap->fix.find("ALTER SYSTEM SET"), 0U);
    }
    auto failover = durability_gap(promised("on", "", true));
    ASSERT_TRUE(failover);
    EXPECT_FALSE(failover->by_crash);
    EXPECT_EQ(durability_gap(promised("on", "", false)), std::nullopt);
}

TEST(Durability, SeveralHostsAreFoundInEveryForm) {
    for (const char* several : {"postgresql://a,b/x", "postgresql://u:p@a:1,b:2/x",
                                "postgresql:///x?host=a,b", "host=a,b dbname=x"})
        EXPECT_TRUE(several_hosts(several)) << several;
    for (const char* one : {"postgresql://a/x", "postgresql:///x", "host=a dbname=x", "dbname=x"})
        EXPECT_FALSE(several_hosts(one)) << one;
}

}  // namespace
}  // namespace countersign::pg
