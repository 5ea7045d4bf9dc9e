#include "cli/executable.hpp"

#include <elf.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "folder.hpp"

namespace countersign::cli {
namespace {

using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;

class ExecutableTest : public testing::Test {
  protected:
    static std::string problem(const std::string& name, const std::string& code = command_not_startable) {
        auto found = find_executable(name, "/");
        if (found) return "none";
        EXPECT_EQ(found.error().code, code) << found.error().detail;
        return found.error().detail;
    }
    // A program's head as the linker writes it, that asks for a loader.
    static std::string program(unsigned short machine, const std::string& loader) {
        Elf64_Ehdr header{};
        std::memcpy(header.e_ident, ELFMAG, SELFMAG);
        header.e_ident[EI_CLASS] = ELFCLASS64;
        header.e_ident[EI_DATA] = ELFDATA2LSB;
        header.e_machine = machine;
        header.e_phoff = sizeof header;
        header.e_phentsize = sizeof(Elf64_Phdr);
        header.e_phnum = 1;
        Elf64_Phdr part{};
        part.p_type = PT_INTERP;
        part.p_offset = sizeof header + sizeof part;
        part.p_filesz = loader.size() + 1;
        std::string bytes(sizeof header + sizeof part, '\0');
        std::memcpy(bytes.data(), &header, sizeof header);
        std::memcpy(bytes.data() + sizeof header, &part, sizeof part);
        return bytes + loader + '\0';
    }
    static unsigned short our_machine() {
        std::ifstream self{"/proc/self/exe", std::ios::binary};
        Elf64_Ehdr header{};
        self.read(reinterpret_cast<char*>(&header), sizeof header);
        return header.e_machine;
    }
    Folder folder_;
};

TEST_F(ExecutableTest, ANameIsLookedUpInThePath) {
    auto found = find_executable("sh", "/somewhere");
    ASSERT_TRUE(found) << found.error().detail;
    EXPECT_THAT(found->path, EndsWith("/sh"));
    EXPECT_EQ(found->path.front(), '/');
    EXPECT_FALSE(found->by_name);
}

TEST_F(ExecutableTest, WhatIsNotThereIsNotFound) {
    EXPECT_THAT(problem("countersign-no-such-command", command_not_found), HasSubstr("command not found"));
    EXPECT_THAT(problem(folder_.path() + "/absent", command_not_found), HasSubstr("command not found"));
    EXPECT_THAT(problem("", command_not_found), HasSubstr("command not found"));
}

TEST_F(ExecutableTest, WhatIsThereButMayNotBeExecutedSaysSo) {
    EXPECT_THAT(problem(folder_.write("job", "#!/bin/sh\n")), HasSubstr("chmod +x"));
    EXPECT_THAT(problem(folder_.path()), HasSubstr("is a directory"));
    std::string fifo = folder_.path() + "/fifo";
    ASSERT_EQ(::mkfifo(fifo.c_str(), 0755), 0);
    EXPECT_THAT(problem(fifo), HasSubstr("is a FIFO"));
    EXPECT_THAT(problem("/dev/null"), HasSubstr("is a device"));
}

TEST_F(ExecutableTest, AFileWithoutPermissionIsPassedOverInThePath) {
    Folder later;
    folder_.write("countersign-job", "#!/bin/sh\n");
    std::string good = later.script("countersign-job", "#!/bin/sh\n");
    std::string before = ::getenv("PATH");
    ::setenv("PATH", (folder_.path() + ":" + later.path()).c_str(), 1);
    auto found = find_executable("countersign-job", "/");
    ::setenv("PATH", folder_.path().c_str(), 1);
    auto alone = problem("countersign-job");
    ::setenv("PATH", before.c_str(), 1);
    ASSERT_TRUE(found) << found.error().detail;
    EXPECT_EQ(found->path, good);
    EXPECT_THAT(alone, HasSubstr("chmod +x"));
}

TEST_F(ExecutableTest, ATextWithoutAnInterpreterIsRefused) {
    EXPECT_THAT(problem(folder_.script("job", "echo ran\n")), HasSubstr("#!/bin/sh"));
    EXPECT_THAT(problem(folder_.script("empty", "")), HasSubstr("#!/bin/sh"));
    EXPECT_THAT(problem(folder_.script("bare", "#!\necho\n")), HasSubstr("names no interpreter"));
}

TEST_F(ExecutableTest, AMissingInterpreterIsNamed) {
    EXPECT_THAT(problem(folder_.script("job", "#!/no/such/sh -e\n")), HasSubstr("/no/such/sh"));
    EXPECT_THAT(problem(folder_.script("dos", "#!/bin/sh\r\necho\r\n")), HasSubstr("carriage return"));
    EXPECT_THAT(problem(folder_.script("env", "#!/usr/bin/env countersign-no-such-thing\n")),
                HasSubstr("countersign-no-such-thing"));
    std::string outer = folder_.script("outer", "#!" + folder_.script("inner", "#!/no/such/sh\n") + "\n");
    EXPECT_THAT(problem(outer), HasSubstr("/no/such/sh"));
}

TEST_F(ExecutableTest, InterpretersAreListedInTheOrderInWhichTheyStart) {
    auto plain = find_executable(folder_.script("plain", "#! /bin/sh -e\n"), "/");
    ASSERT_TRUE(plain) << plain.error().detail;
    EXPECT_TRUE(plain->by_name);
    EXPECT_THAT(plain->interpreters, ElementsAre("/bin/sh"));
    auto by_env = find_executable(folder_.script("by-env", "#!/usr/bin/env sh"), "/");
    ASSERT_TRUE(by_env) << by_env.error().detail;
    EXPECT_THAT(by_env->interpreters, ElementsAre("/usr/bin/env", EndsWith("/sh")));
    auto with_options = find_executable(folder_.script("options", "#!/usr/bin/env -S A=1 sh -e\n"), "/");
    ASSERT_TRUE(with_options) << with_options.error().detail;
    EXPECT_THAT(with_options->interpreters, ElementsAre("/usr/bin/env", EndsWith("/sh")));
}

TEST_F(ExecutableTest, AProgramThatCannotBeLoadedHereIsRefused) {
    std::string lost = folder_.script("lost", program(our_machine(), "/lib/no-such-loader.so"));
    EXPECT_THAT(problem(lost), HasSubstr("/lib/no-such-loader.so"));
    std::string foreign = folder_.script("foreign", program(EM_SPARCV9, "/lib/ld.so"));
    EXPECT_THAT(problem(foreign), HasSubstr("another kind of machine"));
    EXPECT_THAT(problem(folder_.script("cut",
                                       "\x7f"
                                       "ELF")),
                HasSubstr("cut off"));
}

TEST_F(ExecutableTest, DotDotIsLeftToTheKernel) {
    // far/sub is a link to near/deep, so far/sub/../job is near/job and not far/job.
    std::filesystem::create_directories(folder_.path() + "/near/deep");
    std::filesystem::create_directories(folder_.path() + "/far");
    std::filesystem::create_symlink(folder_.path() + "/near/deep", folder_.path() + "/far/sub");
    folder_.script("near/job", "#!/bin/sh\n");
    auto found = find_executable(folder_.path() + "/far/sub/../job", "/");
    ASSERT_TRUE(found) << found.error().detail;
    EXPECT_EQ(found->path, folder_.path() + "/far/sub/../job");
    folder_.script("far/job", "#!/bin/sh\n");
    std::filesystem::remove(folder_.path() + "/near/job");
    EXPECT_FALSE(find_executable(folder_.path() + "/far/sub/../job", "/")) << "far/job is not what is meant";
}

}  // namespace
}  // namespace countersign::cli
