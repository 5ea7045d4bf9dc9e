#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "countersign/base/descriptor.hpp"
#include "countersign/base/text.hpp"
#include "stream_out/sink.hpp"

namespace countersign::stream_out {
namespace {

constexpr mode_t file_mode = 0640;

// Opened anew for every batch, so that whoever rotates it need not tell us.
class FileSink final : public Sink {
  public:
    explicit FileSink(std::string path) : path_(std::move(path)) {}

    Later<Done> ready(Deadline) override { co_return Done{}; }
    Later<Done> send(const std::vector<Line>& lines, Deadline) override { co_return append(lines); }
    bool broken() const override { return false; }
    core::Duration doubt() const override { return {}; }
    void close() override {}

  private:
    Result<Done> append(const std::vector<Line>& lines) const {
        const Descriptor file{
            ::open(path_.c_str(), O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK, file_mode)};
        if (!file.open()) return trouble("open");
        std::string bytes = cut_short(file.number()) ? "\n" : "";
        for (const auto& line : lines) bytes += line.text + "\n";
        std::string_view rest = bytes;
        while (!rest.empty()) {
            ssize_t count = ::write(file.number(), rest.data(), rest.size());
            if (count < 0 && errno == EINTR) continue;
            if (count <= 0) break;
            rest.remove_prefix(static_cast<std::size_t>(count));
        }
        bool whole = rest.empty() && ::fdatasync(file.number()) == 0;
        return whole ? Result<Done>{Done{}} : trouble("write");
    }
    // A line that an earlier end left half written would swallow the next one.
    static bool cut_short(int file) {
        struct stat found{};
        if (::fstat(file, &found) != 0 || !S_ISREG(found.st_mode) || found.st_size == 0) return false;
        char last = '\n';
        return ::pread(file, &last, 1, found.st_size - 1) == 1 && last != '\n';
    }
    Result<Done> trouble(const char* what) const {
        return fail(Trouble::unavailable, fmt::format("cannot {} {}: {}", what, visible(path_),
                                                      std::generic_category().message(errno)));
    }

    std::string path_;
};

}  // namespace

std::unique_ptr<Sink> make_file(const Target& target) {
    return std::make_unique<FileSink>(target.file);
}

}  // namespace countersign::stream_out
