#include "countersign/server/keys.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

namespace countersign::server {
namespace {

using testing::HasSubstr;

class KeysTest : public testing::Test {
  protected:
    KeysTest() {
        std::string shape = (std::filesystem::temp_directory_path() / "countersign-keys-XXXXXX").string();
        home_ = ::mkdtemp(shape.data());
    }
    ~KeysTest() override { std::filesystem::remove_all(home_); }

    Result<std::vector<KeyFile>> create() { return create_keys(settings_, home_, *entropy_); }
    std::string path(const std::string& name) const { return home_ + "/keys/" + name; }
    static std::string content(const std::string& path) {
        std::ostringstream text;
        text << std::ifstream{path}.rdbuf();
        return text.str();
    }
    static void write(const std::string& path, const std::string& text, mode_t mode) {
        std::ofstream{path} << text;
        ::chmod(path.c_str(), mode);
    }
    static mode_t mode(const std::string& path) {
        struct stat found{};
        EXPECT_EQ(::stat(path.c_str(), &found), 0) << path;
        return found.st_mode & 0777;
    }

    std::string home_;
    config::Settings settings_;
    std::unique_ptr<rt::Entropy> entropy_ = rt::system_entropy();
};

TEST_F(KeysTest, WhatIsMissingIsMadeForItsOwnerAlone) {
    auto made = create();
    ASSERT_TRUE(made) << made.error().detail;
    ASSERT_EQ(made->size(), 4U);
    for (const auto& file : *made) {
        EXPECT_TRUE(file.made) << file.name;
        EXPECT_EQ(mode(file.path), 0600U) << file.path;
    }
    EXPECT_EQ(mode(home_ + "/keys"), 0700U);
    EXPECT_TRUE(load_keys(settings_, home_));
}

TEST_F(KeysTest, WhatIsThereIsNeverOverwritten) {
    ASSERT_TRUE(create());
    auto server = content(path("server.key"));
    std::filesystem::remove(path("log.pem"));
    auto again = create();
    ASSERT_TRUE(again);
    for (const auto& file : *again) EXPECT_EQ(file.made, file.name == "log") << file.name;
    EXPECT_EQ(content(path("server.key")), server);
}

TEST_F(KeysTest, AServerDoesNotMakeKeysItSaysHowTo) {
    auto loaded = load_keys(settings_, home_);
    ASSERT_FALSE(loaded);
    EXPECT_THAT(loaded.error().detail, HasSubstr(path("server.key")));
    EXPECT_THAT(loaded.error().detail, HasSubstr("countersign keys create"));
    EXPECT_FALSE(std::filesystem::exists(home_ + "/keys"));
}

TEST_F(KeysTest, AKeyThatOthersMayReadOrChangeIsRefused) {
    ASSERT_TRUE(create());
    for (mode_t loose : {0604U, 0620U, 0602U, 0666U}) {
        ::chmod(path("server.key").c_str(), loose);
        auto loaded = load_keys(settings_, home_);
        ASSERT_FALSE(loaded) << loose;
        EXPECT_THAT(loaded.error().detail, HasSubstr("chmod 600"));
        EXPECT_FALSE(create()) << loose;
    }
    ::chmod(path("server.key").c_str(), 0440);  // as secrets are mounted for a group
    EXPECT_TRUE(load_keys(settings_, home_));
}

TEST_F(KeysTest, OtherSecretsThatOthersMayReadOrChangeAreNamed) {
    std::filesystem::create_directories(home_);
    for (const char* name : {"bot", "tls.key"}) write(home_ + "/" + name, "x", 0600);
    settings_.secret_files = {home_ + "/bot"};
    settings_.tls_key = home_ + "/tls.key";
    EXPECT_THAT(loose_secrets(settings_), testing::IsEmpty());
    ::chmod((home_ + "/bot").c_str(), 0644);
    EXPECT_THAT(loose_secrets(settings_), testing::ElementsAre(HasSubstr("chmod 600 " + home_ + "/bot")));
    ::chmod((home_ + "/tls.key").c_str(), 0660);
    EXPECT_EQ(loose_secrets(settings_).size(), 2U);
}

TEST_F(KeysTest, AFileThatHoldsNoKeyIsNamedAndLeftAlone) {
    ASSERT_TRUE(create());
    write(path("server.key"), "c2hvcnQ=", 0600);
    auto made = create();
    ASSERT_FALSE(made);
    EXPECT_THAT(made.error().detail, HasSubstr(path("server.key")));
    EXPECT_EQ(content(path("server.key")), "c2hvcnQ=");
    EXPECT_EQ(made.error().detail.find("c2hvcnQ="), std::string::npos);
}

TEST_F(KeysTest, KeysMayBeKeptElsewhere) {
    settings_.keys = home_ + "/elsewhere";
    settings_.server_key = home_ + "/run/server.key";
    ASSERT_TRUE(create());
    EXPECT_TRUE(std::filesystem::exists(home_ + "/run/server.key"));
    EXPECT_TRUE(std::filesystem::exists(home_ + "/elsewhere/grant.pem"));
    EXPECT_FALSE(std::filesystem::exists(home_ + "/elsewhere/server.key"));
    EXPECT_TRUE(load_keys(settings_, home_));
}

TEST_F(KeysTest, RetiredKeysStayKnownByTheirPublicHalf) {
    ASSERT_TRUE(create());
    auto old = load_keys(settings_, home_)->log->public_key();
    auto old_server = load_keys(settings_, home_)->server;
    std::filesystem::rename(path("log.pem"), path("log.pem.2027-01-31"));
    std::filesystem::rename(path("server.key"), path("server.key.2027-01-31T08:00:00Z"));
    ASSERT_TRUE(create());
    // The private half may be thrown away.
    write(path("decision.pem.2026-01-31"), pem_of(old), 0644);
    auto refused = load_keys(settings_, home_);
    ASSERT_FALSE(refused) << "one key for two purposes";
    EXPECT_THAT(refused.error().detail, HasSubstr("each purpose needs its own"));
    std::filesystem::remove(path("decision.pem.2026-01-31"));
    write(path("log.pem.2027-01-31"), pem_of(old), 0644);
    write(path("log.pem.bak"), "nothing to do with it", 0644);
    auto keys = load_keys(settings_, home_);
    ASSERT_TRUE(keys) << keys.error().detail;
    ASSERT_EQ(keys->retired.size(), 1U);
    EXPECT_EQ(keys->retired[0].name, "log");
    EXPECT_EQ(keys->retired[0].until, "2027-01-31");
    EXPECT_EQ(keys->retired[0].public_key, old);
    EXPECT_NE(keys->log->public_key(), old);
    ASSERT_EQ(keys->retired_servers.size(), 1U);
    EXPECT_EQ(keys->retired_servers[0], old_server);
}

TEST_F(KeysTest, OnePurposeSharesItsKeyWithNoOther) {
    ASSERT_TRUE(create());
    std::filesystem::copy_file(path("grant.pem"), path("log.pem"),
                               std::filesystem::copy_options::overwrite_existing);
    ::chmod(path("log.pem").c_str(), 0600);
    auto keys = load_keys(settings_, home_);
    ASSERT_FALSE(keys);
    EXPECT_THAT(keys.error().detail, HasSubstr("the grant key and the log key are the same"));
}

TEST_F(KeysTest, StatementsMayBeSignedOnP256AndNothingElseMay) {
    ASSERT_TRUE(create());
    auto p256 = P256SigningKey::generate().to_pem();
    std::filesystem::remove(path("decision.pem"));
    write(path("decision.pem"), std::string(p256.reveal()), 0600);
    auto keys = load_keys(settings_, home_);
    ASSERT_TRUE(keys) << keys.error().detail;
    EXPECT_EQ(keys->decision->public_key().type, PublicKey::Type::p256);
    for (const char* name : {"log.pem", "grant.pem"}) {
        auto before = content(path(name));
        write(path(name), std::string(P256SigningKey::generate().to_pem().reveal()), 0600);
        auto refused = load_keys(settings_, home_);
        ASSERT_FALSE(refused) << name;
        EXPECT_THAT(refused.error().detail, HasSubstr("must be an Ed25519 one"));
        write(path(name), before, 0600);
    }
}

}  // namespace
}  // namespace countersign::server
