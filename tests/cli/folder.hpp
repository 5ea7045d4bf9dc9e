#pragma once
#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace countersign::cli {

// A folder for the files of one test, gone with it.
class Folder {
  public:
    Folder() {
        std::string shape = (std::filesystem::temp_directory_path() / "countersign-cli-XXXXXX").string();
        path_ = ::mkdtemp(shape.data());
    }
    ~Folder() { std::filesystem::remove_all(path_); }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;

    const std::string& path() const { return path_; }
    std::string write(const std::string& name, const std::string& text, mode_t mode = 0644) const {
        std::string path = path_ + "/" + name;
        std::ofstream{path, std::ios::binary} << text;
        ::chmod(path.c_str(), mode);
        return path;
    }
    std::string script(const std::string& name, const std::string& text) const {
        return write(name, text, 0755);
    }

  private:
    std::string path_;
};

}  // namespace countersign::cli
