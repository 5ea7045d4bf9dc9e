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
    // Looks `name` up while `folder` stands in the PATH before all else.
    static Result<Executable> within(const std::string& folder, const std::string& name) {
        std::string before = ::getenv("PATH");
        ::setenv("PATH", (folder + ":" + before).c_str(), 1);
        auto found = find_executable(name, "/");
        ::setenv("PATH", before.c_str(), 1);
        return found;
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

TEST_F(ExecutableTest, TheInterpretersOfWhatEnvStartsAreListedToo) {
    std::string last = folder_.script("last", "#!/bin/sh\n");
    folder_.script("countersign-next", "#!" + last + "\n");
    for (const char* line : {"#!/usr/bin/env countersign-next\n", "#!/usr/bin/env -S countersign-next -x\n",
                             "#!/usr/bin/env -vS -u B A=1 countersign-next\n",
                             "#!/usr/bin/env --split-string=-- countersign-next \"$1\"\n"}) {
        auto found = within(folder_.path(), folder_.script("by-env", line));
        ASSERT_TRUE(found) << line << found.error().detail;
        EXPECT_THAT(found->interpreters,
                    ElementsAre("/usr/bin/env", EndsWith("/countersign-next"), last, "/bin/sh"))
            << line;
    }
    folder_.script("countersign-next", "#!/no/such/sh\n");
    auto lost = within(folder_.path(), folder_.script("by-env", "#!/usr/bin/env countersign-next\n"));
    ASSERT_FALSE(lost);
    EXPECT_THAT(lost.error().detail, HasSubstr("/no/such/sh"));
}

TEST_F(ExecutableTest, WhatEnvWouldStartInAWayThatIsNotUnderstoodIsRefused) {
    folder_.script("countersign-next", "#!/bin/sh\n");
    for (const char* words :
         {"-S PATH=/elsewhere countersign-next", "-S -u PATH countersign-next", "-S -uPATH countersign-next",
          "-S -i countersign-next", "-iS countersign-next", "-S - countersign-next",
          "-S -C /elsewhere countersign-next", "-S -P /elsewhere countersign-next",
          "-S --chdir=/ countersign-next", "-S ${TOOL}", "-S 'countersign-next'", "-S countersign\\_next",
          "-S A=1", "-S", "-i", "-u", "-S -u", "--split-string=-S countersign-next", "--unset=PATH"}) {
        auto found =
            within(folder_.path(), folder_.script("by-env", "#!/usr/bin/env " + std::string{words} + "\n"));
        ASSERT_FALSE(found) << words;
        EXPECT_EQ(found.error().code, command_not_startable);
        EXPECT_THAT(found.error().detail, HasSubstr("env")) << words;
    }
    std::string path = ::getenv("PATH");
    ::unsetenv("PATH");
    EXPECT_THAT(problem(folder_.script("without-path", "#!/usr/bin/env sh\n")), HasSubstr("leaves to env"));
    ::setenv("PATH", path.c_str(), 1);
    auto by_path = find_executable(folder_.script("by-path", "#!/usr/bin/env -iS /bin/sh -e\n"), "/");
    ASSERT_TRUE(by_path) << by_path.error().detail;
    EXPECT_THAT(by_path->interpreters, ElementsAre("/usr/bin/env", "/bin/sh"));
}

TEST_F(ExecutableTest, AFirstLineIsReadAsFarAsTheKernelReadsIt) {
    EXPECT_EQ(problem(folder_.script("padded", "#!/bin/sh" + std::string(400, ' ') + "-e\n")), "none");
    std::string folder = folder_.path() + "/" + std::string(240 - folder_.path().size(), 'd');
    std::filesystem::create_directory(folder);
    for (std::size_t bytes : {253U, 254U, 255U}) {
        std::string name(bytes - folder.size() - 1, 's');
        std::filesystem::copy("/bin/sh", folder + "/" + name);
        auto said = problem(folder_.script("long", "#!" + folder + "/" + name + "\n"));
        EXPECT_THAT(said, HasSubstr(bytes < 254 ? "none" : "longer than the kernel reads")) << bytes;
    }
    auto cut = find_executable(folder_.script("cut-by-zero", std::string{"#!/bin/sh\0x\n", 13}), "/");
    ASSERT_TRUE(cut) << cut.error().detail;
    EXPECT_THAT(cut->interpreters, ElementsAre("/bin/sh"));
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
