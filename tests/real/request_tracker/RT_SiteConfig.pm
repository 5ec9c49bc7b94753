# What RT is told here: its own database, nobody's mail server, and its port.
my $folder = $ENV{TRACKER_FOLDER};
Set($rtname, 'shop.example');
Set($Organization, 'shop.example');
Set($CorrespondAddress, 'support@shop.example');
Set($CommentAddress, 'comment@shop.example');
Set($WebDomain, '127.0.0.1');
Set($WebPort, $ENV{TRACKER_PORT});
Set($WebPath, '');
Set($DatabaseType, 'SQLite');
Set($DatabaseName, "$folder/rtdb");
Set($MailCommand, 'sendmailpipe');
Set($SendmailPath, "$folder/sendmail");
Set($LogToSyslog, undef);
Set($LogToSTDERR, 'warning');
Set($Timezone, 'UTC');
1;
