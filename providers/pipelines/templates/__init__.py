"""What ``${{ }}`` and ``template:`` make of a file before anything is planned; pure but for reading templates."""
