// speedtest1 with the VFS of suite_vfs.cc: whose main is called speedtest1_main then.
extern "C" int speedtest1_main(int argc, char** argv);
extern "C" int hexad_suite_init(const char*);

int main(int argc, char** argv) {
  if (hexad_suite_init(nullptr) != 0) return 1;
  return speedtest1_main(argc, argv);
}
