#pragma once
#include <sys/types.h>

#include <string>
#include <vector>

#include "cli/inherited.hpp"
#include "countersign/base/descriptor.hpp"
#include "countersign/base/result.hpp"

namespace countersign::cli {

// Runs a server that we speak to over its standard input and output. It leads a process group of its
// own, gets none of our secrets and descriptors, and is killed when we end, however that comes.
class Child {
  public:
    // Looks `argv[0]` up as a shell does. not_found: it is not there, or cannot be started.
    static Result<Child> start(const std::vector<std::string>& argv, const Inherited& given);
    Child(Child&& other) noexcept;
    Child& operator=(Child&&) = delete;
    ~Child();  // kills what is left of the group

    int input() const { return input_.number(); }    // ours to write to
    int output() const { return output_.number(); }  // ours to read from
    void close_input() { input_.close(); }
    void close_output() { output_.close(); }
    // Says whether it has ended; `code` is then its exit code, as a shell would report it.
    bool ended();
    int code() const { return code_; }
    void signal(int number) const;  // to the whole group

  private:
    Child() = default;

    pid_t pid_ = -1;
    bool reaped_ = false;
    int code_ = 0;
    Descriptor input_;
    Descriptor output_;
};

}  // namespace countersign::cli
