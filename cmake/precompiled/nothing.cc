// A target needs a source.
int main() { return 0; }
