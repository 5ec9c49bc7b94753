# Who works here, which queues there are, and what the customers may do. Prints each one's token.
use strict;
use warnings;
use lib '/usr/share/request-tracker5/lib';
use RT;
RT::LoadConfig();
RT::Init();
my $system = RT->SystemUser;
my ($support, $escalated) = (RT::Queue->new($system), RT::Queue->new($system));
$support->Load('General');
$support->SetName('support');
$escalated->Create(Name => 'escalated');
my $everyone = RT::Group->new($system);
$everyone->LoadSystemInternalGroup('Everyone');
$everyone->PrincipalObj->GrantRight(Object => $support, Right => $_)
    for qw(CreateTicket ReplyToTicket);
my %tokens;
for my $name (qw(sayso carla)) {
    my $user = RT::User->new($system);
    $user->Create(Name => $name, EmailAddress => "$name\@shop.example", Privileged => 1);
    for my $queue ($support, $escalated) {
        $user->PrincipalObj->GrantRight(Object => $queue, Right => $_) for qw(
            SeeQueue ShowTicket ShowTicketComments ReplyToTicket CommentOnTicket
        );
    }
    $user->PrincipalObj->GrantRight(Object => $_, Right => 'ModifyTicket')
        for $name eq 'carla' ? ($support, $escalated) : ($support);
    $user->PrincipalObj->GrantRight(Object => $_, Right => 'CreateTicket') for $escalated;
    $user->PrincipalObj->GrantRight(Object => $_, Right => 'OwnTicket') for $support, $escalated;
    $user->PrincipalObj->GrantRight(Object => RT->System, Right => 'AdminUsers');
    my $token = RT::AuthToken->new($system);
    my (undef, undef, $secret) = $token->Create(Owner => $user->Id, Description => 'tests');
    $tokens{$name} = $secret;
}
print RT::Interface::Web::EncodeJSON({ %tokens, escalated => '' . $escalated->Id });
