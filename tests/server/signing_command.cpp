#include "server/signing_command.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "countersign/base/text.hpp"
#include "countersign/server/keys.hpp"

namespace countersign::server {
namespace {

using testing::HasSubstr;

class SigningCommand : public testing::Test {
  protected:
    SigningCommand() {
        std::string shape = (std::filesystem::temp_directory_path() / "countersign-signs-XXXXXX").string();
        folder_ = ::mkdtemp(shape.data());
        for (const char* name : {"log", "decision", "grant"}) make_key(name, "-algorithm ed25519");
        program_ = folder_ + "/sign";
        write(openssl_signer);
    }
    ~SigningCommand() override { std::filesystem::remove_all(folder_); }

    void make_key(const std::string& name, const std::string& kind) const {
        std::string made = "openssl genpkey -out " + folder_ + "/" + name + ".pem " + kind + " 2>/dev/null";
        ASSERT_EQ(std::system(made.c_str()), 0);
    }
    // A shell script; its first argument is the folder of keys.
    void write(const std::string& script) const {
        std::ofstream{program_} << "#!/bin/sh\n" << script;
        ::chmod(program_.c_str(), 0755);
    }
    Result<std::unique_ptr<const Signer>> signer(const std::string& name) const {
        return signer_by_command({program_, folder_}, name);
    }
    // What is said where the program does this instead of signing.
    std::string refusal(const std::string& instead) {
        write(openssl_signer);
        auto made = signer("log");
        EXPECT_TRUE(made);
        write(instead);
        auto signature = (*made)->sign("checkpoint");
        EXPECT_FALSE(signature);
        if (signature) return {};
        EXPECT_EQ(signature.error().trouble, Trouble::unavailable);
        EXPECT_EQ(signature.error().code, "not_signed");
        // Who asks for a signature is not told how it is set up here.
        EXPECT_THAT(signature.error().detail, testing::Not(HasSubstr(program_)));
        auto said = run_signing_command({program_, folder_, "sign", "log"}, "checkpoint");
        return said ? *said : said.error().detail;
    }

    static constexpr const char* openssl_signer =
        "key=$1/$3.pem\n"
        "case $2 in\n"
        "  public) openssl pkey -in \"$key\" -pubout ;;\n"
        "  sign) cat > \"$1/bytes\"\n"
        "    openssl pkeyutl -sign -inkey \"$key\" -rawin -in \"$1/bytes\" | base64 -w 0 ;;\n"
        "esac\n";
    std::string folder_;
    std::string program_;
};

TEST_F(SigningCommand, AnotherProgramSignsForEachPurpose) {
    for (const char* name : {"log", "decision", "grant"}) {
        auto made = signer(name);
        ASSERT_TRUE(made) << made.error().detail;
        auto signature = (*made)->sign("statement");
        ASSERT_TRUE(signature) << signature.error().detail;
        EXPECT_TRUE(verifies((*made)->public_key(), "statement", *signature));
        EXPECT_TRUE((*made)->slow());
    }
    std::string big(1'000'000, 'x');
    auto made = signer("decision");
    EXPECT_TRUE((*made)->sign(big)) << "more than a pipe holds";
}

TEST_F(SigningCommand, ItsKeyMayBeAP256One) {
    make_key("decision", "-algorithm EC -pkeyopt ec_paramgen_curve:P-256");
    auto made = signer("decision");
    ASSERT_TRUE(made) << made.error().detail;
    EXPECT_EQ((*made)->public_key().type, PublicKey::Type::p256);
    EXPECT_TRUE((*made)->sign("statement"));
}

TEST_F(SigningCommand, WhatItsKeyDoesNotVerifyIsNoSignature) {
    refusal("head -c 64 /dev/zero | base64 -w 0\n");
    refusal("openssl pkeyutl -sign -inkey $1/grant.pem -rawin -in $1/bytes | base64 -w 0\n");
    refusal("echo 'not base64!'\n");
    refusal("exit 0\n");
}

TEST_F(SigningCommand, HowItFailedIsSaidInItsOwnWords) {
    auto said = refusal("echo first >&2; printf 'the HSM\\033[31m is locked\\n' >&2; exit 3\n");
    EXPECT_THAT(said, HasSubstr("ended with code 3"));
    EXPECT_THAT(said, HasSubstr("the HSM"));
    EXPECT_THAT(said, testing::Not(HasSubstr("first")));
    EXPECT_THAT(said, testing::Not(HasSubstr("\033")));
    EXPECT_THAT(refusal("kill -9 $$\n"), HasSubstr("killed by signal 9"));
    std::filesystem::remove(program_);
    EXPECT_THAT(run_signing_command({program_, "sign", "log"}, "").error().detail,
                HasSubstr("cannot be started"));
}

TEST_F(SigningCommand, OneThatDoesNotEndIsKilledWithWhatItStarted) {
    auto begun = std::chrono::steady_clock::now();
    EXPECT_THAT(refusal("sleep 60 & echo $! > $1/child; sleep 60\n"), HasSubstr("did not end within"));
    EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds{20});
    long child = 0;
    std::ifstream{folder_ + "/child"} >> child;
    ASSERT_GT(child, 0);
    auto lives = [child] {
        std::ifstream state{"/proc/" + std::to_string(child) + "/stat"};
        std::string text;
        std::getline(state, text);
        return !text.empty() && text.find(") Z ") == std::string::npos;
    };
    for (int i = 0; lives() && i < 100; ++i) ::usleep(50'000);
    EXPECT_FALSE(lives());
}

TEST_F(SigningCommand, WhoItLeavesBehindKeepsNobodyWaiting) {
    auto begun = std::chrono::steady_clock::now();
    write("sleep 60 &\nprintf done\n");
    auto said = run_signing_command({program_, folder_}, "");
    ASSERT_TRUE(said);
    EXPECT_EQ(*said, "done");
    EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds{3});
}

TEST_F(SigningCommand, MoreThanASignatureIsNotReadToItsEnd) {
    EXPECT_THAT(refusal("yes\n"), HasSubstr("wrote more than"));
    EXPECT_THAT(refusal("yes >&2\n"), HasSubstr("wrote more than"));
}

TEST_F(SigningCommand, ItIsGivenNoneOfOurSecrets) {
    ::setenv("COUNTERSIGN_DATABASE", "postgresql://secret", 1);
    ::setenv("AWS_REGION", "eu-central-1", 1);
    auto said = run_signing_command({"/usr/bin/env"}, "");
    ::unsetenv("COUNTERSIGN_DATABASE");
    ::unsetenv("AWS_REGION");
    ASSERT_TRUE(said);
    EXPECT_THAT(*said, testing::Not(HasSubstr("COUNTERSIGN_")));
    EXPECT_THAT(*said, HasSubstr("AWS_REGION=eu-central-1"));
    auto open = run_signing_command({"/bin/sh", "-c", "ls /proc/self/fd"}, "");
    ASSERT_TRUE(open);
    EXPECT_LE(split(std::string(trim(*open)), '\n').size(), 4U) << *open;
}

TEST_F(SigningCommand, AServerWithoutKeyFilesHasItsKeysThere) {
    config::Settings settings;
    settings.signing_command = {program_, folder_};
    auto entropy = rt::system_entropy();
    std::string home = folder_ + "/home";
    auto made = create_keys(settings, home, *entropy);
    ASSERT_TRUE(made);
    ASSERT_EQ(made->size(), 1U) << "the server's key alone";
    auto keys = load_keys(settings, home);
    ASSERT_TRUE(keys) << keys.error().detail;
    EXPECT_TRUE(keys->grant->sign("grant"));
    make_key("log", "-algorithm EC -pkeyopt ec_paramgen_curve:P-256");
    auto refused = load_keys(settings, home);
    ASSERT_FALSE(refused) << "readers of the log are told to expect Ed25519";
    EXPECT_THAT(refused.error().detail, HasSubstr("leave log out of signing_command_keys"));
    settings.signing_command_keys = {"decision"};
    ASSERT_TRUE(create_keys(settings, home, *entropy));
    EXPECT_TRUE(load_keys(settings, home));
    std::filesystem::remove(folder_ + "/decision.pem");
    EXPECT_EQ(load_keys(settings, home).error().trouble, Trouble::unavailable);
}

}  // namespace
}  // namespace countersign::server
